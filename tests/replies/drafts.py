"""Replies in the hands of workers that the test itself is."""

import redis

from doqchat.engine import Engine
from doqchat.protocol.events import LLMResponse, Usage
from doqchat.worker.leased_reply import LeasedReply
from doqchat.worker.queue import Queue
from tests.hints import posted, run_out
from tests.replies.demo_requests import DEMO, ask


def end(draft: LeasedReply) -> LLMResponse:
    """The event that ends a reply with what its worker has said."""
    return draft.response(draft.text, "stop", "demo", Usage())


async def taken(engine: Engine, sid: str, worker: str) -> LeasedReply:
    """A reply to a new request, in the hands of a worker."""
    await ask(engine, sid)
    return await next_in_queue(engine, sid, worker)


async def next_in_queue(engine: Engine, sid: str, worker: str) -> LeasedReply:
    """The reply that waits longest, in the hands of a worker."""
    shard = engine.shards.of(sid)
    await posted(shard)
    job = await Queue(shard, DEMO, worker).take()
    assert job is not None
    return LeasedReply(shard, worker, job)


async def speaking(engine: Engine, sid: str, worker: str) -> LeasedReply:
    """A reply of which a worker has said something."""
    draft = await taken(engine, sid, worker)
    await draft.begin()
    await draft.say("안녕")
    return draft


def taken_over(engine: Engine, queue: "redis.Redis", draft: LeasedReply, worker: str) -> LeasedReply:
    """The same reply, in the hands of another."""
    run_out(queue, draft.job.sid, draft.job.reply)
    return LeasedReply(engine.shards.of(draft.job.sid), worker, draft.job)
