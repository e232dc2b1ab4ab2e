"""Sends the queued webhooks, in one worker process at a time.

What is pending is in the database; the dispatcher only remembers which sessions of an endpoint have something pending.
So it can die at any moment: another process takes the lease, and repeats the attempts whose outcome is not stored.
"""

import asyncio
import uuid
from collections.abc import Iterable
from functools import partial
from typing import Any

from chat.webhooks import deliveries, members, outbox, timing
from chat.webhooks.endpoint_queue import EndpointQueue
from chat.webhooks.sender import Sender
from doqchat.archive.database_threads import DatabaseThreads
from doqchat.engine import Engine
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.worker.background import Repeating

OVERLAP_SECONDS = 30.0
"""A pass looks for what was queued since: transactions end later than they begin, and clocks differ."""

ALL_SECONDS, PRUNE_SECONDS = 600.0, 3600.0
"""Intervals of looking for all that is pending, and of deleting old deliveries."""

THREADS = 4
SESSION_AT_ONCE = 20
"""Deliveries of a session that are read at once; then other sessions have their turn."""

_TAKE = load("sweep_take")


class Dispatcher:
    """Sends webhooks while it holds the lease.

    Args:
        engine: the engine of the running loop.
    """

    def __init__(self, engine: Engine) -> None:
        self._shard = next(iter(engine.shards))
        self._name = uuid.uuid4().hex
        self._held_until = 0.0
        self._database = DatabaseThreads(THREADS)
        self._sender = Sender()
        self._queues: dict[int, EndpointQueue] = {}
        self._all_at = self._pruned_at = float("-inf")

    async def run(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()

        def on_queued(sessions: Iterable[tuple[int, str]], **kwargs: Any) -> None:
            loop.call_soon_threadsafe(self._add, sessions)

        outbox.queued.connect(on_queued)
        try:
            await Repeating(self._shard, "Sending webhooks").repeat(self._run_once, timing.PASS_SECONDS)
        finally:
            outbox.queued.disconnect(on_queued)
            await self._close()

    def _add(self, sessions: Iterable[tuple[int, str]]) -> None:
        """Queue sessions; those of a new endpoint are found by the next pass."""
        for endpoint, sid in sessions:
            if endpoint in self._queues:
                self._queues[endpoint].add([sid])

    async def _close(self) -> None:
        if self._holds():
            self._shard.pipeline.post("PEXPIRE", keys.WEBHOOKS, 1)  # another worker takes over
        await self._stop()
        await self._sender.close()
        await self._database.close()

    async def _run_once(self) -> None:
        """One pass; raises DoqchatError."""
        begun = self._now()
        if await self._shard.pipeline.run(_TAKE, [keys.WEBHOOKS], name=self._name, ms=int(timing.LEASE_SECONDS * 1000)):
            self._held_until = begun + timing.LEASE_SECONDS / 2
            await members.collect(self._shard, self._database)
            await self._find(begun)
        else:
            await self._stop()

    async def _find(self, now: float) -> None:
        """Queue the sessions with pending deliveries."""
        endpoints = {each.pk for each in await self._database.run(outbox.enabled_endpoints)}
        for gone in self._queues.keys() - endpoints:
            await self._queues.pop(gone).stop()
        new = endpoints - self._queues.keys()
        self._queues |= {key: EndpointQueue(partial(self._deliver, key)) for key in new}
        everything = bool(new) or now - self._all_at >= ALL_SECONDS
        found = await self._database.run(deliveries.waiting, None if everything else OVERLAP_SECONDS)
        for key in found.keys() & self._queues.keys():
            self._queues[key].add(found[key])
        retried = await self._database.run(deliveries.retried, OVERLAP_SECONDS)
        for key in retried.keys() & self._queues.keys():
            self._queues[key].hurry(retried[key])
        self._all_at = now if everything else self._all_at
        if now - self._pruned_at >= PRUNE_SECONDS:
            more = await self._database.run(deliveries.prune)
            self._pruned_at = self._pruned_at if more else now

    async def _deliver(self, endpoint: int, sid: str) -> float | None:
        """Send the first pending deliveries of a session; returns the seconds until the next attempt, None for none."""
        due = await self._database.run(deliveries.first, endpoint, sid, SESSION_AT_ONCE)
        for each in due:
            if each.wait > 0:
                return each.wait
            if not self._holds():
                return timing.PASS_SECONDS
            if each.body is None:
                await self._database.run(deliveries.give_up, each.delivery)
                continue
            to = each.delivery.endpoint
            answer = await self._sender.send(to.url, to.secrets, each.delivery.message_id, each.body)
            wait = await self._database.run(deliveries.record, each.delivery, answer)
            if wait is not None:
                return wait
            if answer.status == deliveries.GONE:
                return None
        return 0.0 if len(due) == SESSION_AT_ONCE else None

    async def _stop(self) -> None:
        self._held_until = 0.0
        self._all_at = float("-inf")
        queues, self._queues = self._queues, {}
        await asyncio.gather(*(queue.stop() for queue in queues.values()))

    def _holds(self) -> bool:
        return self._now() < self._held_until

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
