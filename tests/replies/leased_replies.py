"""Leased replies, where the test acts as the workers."""

import redis

from doqchat.engine import Engine
from doqchat.protocol.events import LLMResponse, Usage
from doqchat.worker.leased_reply import LeasedReply
from doqchat.worker.queue import Queue
from tests.hints import posted, run_out
from tests.replies.demo_requests import DEMO, ask


def end(leased: LeasedReply) -> LLMResponse:
    """The terminal event of a reply with its text so far."""
    return leased.response(leased.text, "stop", "demo", Usage())


async def taken(engine: Engine, sid: str, worker: str) -> LeasedReply:
    """Send a request and take its job; the lease is taken with `begin`."""
    await ask(engine, sid)
    return await next_in_queue(engine, sid, worker)


async def next_in_queue(engine: Engine, sid: str, worker: str) -> LeasedReply:
    """Take the oldest job in the queue."""
    shard = engine.shards.of(sid)
    await posted(shard)
    job = await Queue(shard, DEMO, worker).take()
    assert job is not None
    return LeasedReply(shard, worker, job)


async def speaking(engine: Engine, sid: str, worker: str) -> LeasedReply:
    """A reply with a lease and one piece."""
    leased = await taken(engine, sid, worker)
    await leased.begin()
    await leased.say("안녕")
    return leased


def taken_over(engine: Engine, queue: "redis.Redis", leased: LeasedReply, worker: str) -> LeasedReply:
    """Let the lease expire and deliver the same job to another worker."""
    run_out(queue, leased.job.sid, leased.job.reply)
    return LeasedReply(engine.shards.of(leased.job.sid), worker, leased.job)
