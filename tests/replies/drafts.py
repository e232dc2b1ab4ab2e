"""Replies in the hands of workers that the test itself is."""

import redis

from doqchat.engine import Engine
from doqchat.protocol.events import LLMResponse, Usage
from doqchat.store import keys
from doqchat.worker.leased_reply import LeasedReply
from doqchat.worker.queue import Queue
from tests.replies.demo_requests import DEMO, JOBS, ask


def end(draft: LeasedReply) -> LLMResponse:
    """The event that ends a reply with what its worker has said."""
    return draft.response(draft.text, "stop", "demo", Usage())


async def taken(engine: Engine, sid: str, worker: str) -> LeasedReply:
    """A reply to a new request, in the hands of a worker."""
    await ask(engine, sid)
    shard = engine.shards.of(sid)
    jobs = Queue(shard, DEMO, worker)
    await jobs.prepare()
    job = await jobs.take()
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
    queue.xclaim(JOBS, keys.WORKERS, worker, 0, [draft.job.id])
    return LeasedReply(engine.shards.of(draft.job.sid), worker, draft.job)
