"""The worker: takes jobs from the queues of every server and answers many at once."""

import asyncio
import os
import socket
import uuid
from functools import partial

from doqchat.engine import Engine
from doqchat.fanout.subscription import Subscription
from doqchat.serving import limits
from doqchat.store.shards import Shard
from doqchat.worker.automatic_replies import AutomaticReplies
from doqchat.worker.cancel_and_wait import end
from doqchat.worker.fetch_loop import FetchLoop
from doqchat.worker.queue import LEASE_SECONDS
from doqchat.worker.running_jobs import RunningJobs


class Worker:
    """Answers requests until it is told to stop.

    Args:
        engine: the engine of the running loop.
    """

    def __init__(self, engine: Engine) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._engine = engine
        self._answers = RunningJobs(engine, self.name)

    async def run(self, stop: asyncio.Event) -> None:
        """Take and answer jobs; after `stop` is set, take no more and finish those under way.

        What is not finished within SHUTDOWN_SECONDS is handed over to other workers.
        """
        clock = asyncio.get_running_loop().time
        fetch_loops = [self._fetch_loop(shard) for shard in self._engine.shards]
        listeners = [Subscription(shard.url, self._on_interruption, lambda _: None) for shard in self._engine.shards]
        following = [
            asyncio.create_task(self._follow(listener, shard.interruptions))
            for listener, shard in zip(listeners, self._engine.shards, strict=True)
        ]
        for fetch_loop in fetch_loops:
            fetch_loop.start()
        await stop.wait()
        ends = clock() + limits.SHUTDOWN_SECONDS
        await asyncio.gather(end(following), *(loop.stop() for loop in fetch_loops))
        await asyncio.gather(self._answers.finish(ends - clock()), *(loop.give_back() for loop in fetch_loops))
        await asyncio.gather(*(listener.flush() for listener in listeners), return_exceptions=True)

    def _fetch_loop(self, shard: Shard) -> FetchLoop:
        due = AutomaticReplies(shard, self._engine.limits, self._engine.budget)
        concurrency = self._engine.reply_settings.concurrency
        begin, give_back = partial(self._answers.begin, shard), partial(self._answers.give_back, shard)
        return FetchLoop(shard, self.name, concurrency, begin, give_back, due)

    async def _follow(self, listener: Subscription, channel: str) -> None:
        """Listen for replies that have ended early; until that works, writers learn it when they write."""
        while True:
            try:
                await listener.subscribe(channel)
                return
            except Exception:
                await asyncio.sleep(LEASE_SECONDS)

    def _on_interruption(self, _channel: str, payload: bytes) -> None:
        sid, _, reply_id = payload.decode(errors="replace").partition(" ")
        self._answers.interrupt(sid, reply_id)
