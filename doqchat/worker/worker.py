"""The worker: takes jobs from the queues of all servers and runs them concurrently."""

import asyncio
import os
import socket
import uuid
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from doqchat.archive.archiver import PASS_SECONDS, Archiver
from doqchat.conf import doqchat_settings
from doqchat.engine import Engine
from doqchat.fanout.subscription import Subscription
from doqchat.serving import shutdown
from doqchat.store.shards import Shard
from doqchat.worker.automatic_replies import AutomaticReplies
from doqchat.worker.background import Repeating, cancel_and_wait
from doqchat.worker.fetch_loop import FetchLoop
from doqchat.worker.leased_reply import LEASE_SECONDS
from doqchat.worker.running_jobs import RunningJobs
from doqchat.worker.sweeper import sweep


class Worker:
    """Answers requests until it is stopped.

    Args:
        engine: the engine of the running loop.
        background: what else runs in the process until it stops: called once, and cancelled at the end.
    """

    def __init__(self, engine: Engine, background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._engine = engine
        self._background = background
        self._running_jobs = RunningJobs(engine, self.name)

    async def run(self, stop: asyncio.Event) -> None:
        """Take and run jobs until `stop` is set, then finish the running ones.

        Jobs that are not finished within SHUTDOWN_SECONDS are handed over to other workers.
        """
        clock = asyncio.get_running_loop().time
        shards = list(self._engine.shards)
        fetch_loops = [self._fetch_loop(shard) for shard in shards]
        listeners = [
            Subscription(shard.url, partial(self._on_notification, fetch_loop), lambda _: None)
            for shard, fetch_loop in zip(shards, fetch_loops, strict=True)
        ]
        background = [
            asyncio.create_task(self._follow(listener, shard.workers_channel))
            for listener, shard in zip(listeners, shards, strict=True)
        ]
        background += [asyncio.create_task(sweep(shard)) for shard in shards]
        background += [asyncio.create_task(self._run_archiver(shard)) for shard in shards]
        background += [asyncio.create_task(run()) for run in self._background]
        for fetch_loop in fetch_loops:
            fetch_loop.start()
        await stop.wait()
        deadline = clock() + shutdown.SHUTDOWN_SECONDS
        await asyncio.gather(cancel_and_wait(background), *(loop.stop() for loop in fetch_loops))
        await self._running_jobs.finish(deadline - clock())
        await asyncio.gather(*(listener.flush() for listener in listeners), return_exceptions=True)

    def _fetch_loop(self, shard: Shard) -> FetchLoop:
        automatic = AutomaticReplies(shard, self._engine.limits, self._engine.budget, self._engine.clients)
        concurrency = self._engine.reply_settings.concurrency
        return FetchLoop(shard, self.name, concurrency, partial(self._running_jobs.begin, shard), automatic)

    async def _run_archiver(self, shard: Shard) -> None:
        """Archive the sessions of a server until cancelled."""
        settings = doqchat_settings().archive
        if settings is None:
            return
        archiver = Archiver(shard, settings, lambda sid: self._engine.shards.of(sid) is shard)
        try:
            await Repeating(shard).repeat(archiver.run_once, PASS_SECONDS, archiver.prepare)
        finally:
            await archiver.close()

    async def _follow(self, listener: Subscription, channel: str) -> None:
        """Subscribe to the workers' channel, with retries; until it succeeds, the queues are polled."""
        while True:
            try:
                await listener.subscribe(channel)
                return
            except Exception:
                await asyncio.sleep(LEASE_SECONDS)

    def _on_notification(self, fetch_loop: FetchLoop, _channel: str, payload: bytes) -> None:
        kind, _, named = payload.decode(errors="replace").partition(" ")
        if kind == "queued":
            fetch_loop.wake(named)
        elif kind == "cancelled":
            sid, _, reply_id = named.partition(" ")
            self._running_jobs.cancel(sid, reply_id)
