"""Ends requests that no worker serves: none is running, or none has the model in its settings.

Every web process does this, so that people get an error even if no other process is running.
"""

import asyncio
import logging

from doqchat.engine import Engine
from doqchat.errors import DoqchatError
from doqchat.protocol import server
from doqchat.protocol.events import LLMError
from doqchat.protocol.ids import requested_at
from doqchat.protocol.names import is_sid
from doqchat.replies.backlog import backlogs
from doqchat.replies.metrics import FAILED
from doqchat.store import keys
from doqchat.store.cancellation import cancel_reply, ending_in
from doqchat.store.clients import pairs
from doqchat.store.shards import Shard
from doqchat.worker.automatic_replies import AutomaticReplies
from doqchat.worker.background import Repeating
from doqchat.worker.sweeper import sweep

log = logging.getLogger(__name__)

CODE = "no_worker"
LOOK_SECONDS = 1.0

WAITED_SECONDS = 8.0
"""How long a request waits for a worker before it ends with an error."""

CONFIRM_SECONDS = 3.0
"""How long a model must have no worker. Longer than the heartbeat interval, because workers need a moment after an
outage of the store."""

AT_A_TIME = 100


class Unserved:
    """The requests on one server that no worker serves.

    Args:
        engine: the engine of the running loop.
        shard: the server.
    """

    def __init__(self, engine: Engine, shard: Shard) -> None:
        self._shard = shard
        self._automatic = AutomaticReplies(shard, engine.limits, engine.budget, engine.clients)
        self._since: dict[str, float] = {}
        self._started_at = 0.0

    async def prepare(self) -> None:
        """Discard what was read before an outage of the store."""
        self._since.clear()
        self._started_at = asyncio.get_running_loop().time()

    async def look(self) -> None:
        """End the requests that have waited for WAITED_SECONDS; raises DoqchatError."""
        while await self._end_waiting():
            pass  # the next reply of each session is in the queue now

    async def _end_waiting(self) -> bool:
        """One pass; whether a reply was ended."""
        now, ended = asyncio.get_running_loop().time(), False
        found = await backlogs(self._shard)
        unserved = [alias for alias, backlog in found.items() if not backlog.workers]
        self._since = {alias: self._since.get(alias, now) for alias in unserved}
        before = await self._waited_since()
        for alias in unserved:
            if found[alias].waiting and now - self._since[alias] >= CONFIRM_SECONDS:
                for sid, reply_id in await self._requested(alias, before):
                    ended = await self._end(alias, sid, reply_id) or ended
        if now - self._started_at >= CONFIRM_SECONDS:
            for sid, due in await self._due(before):
                await self._automatic.fail(sid, due, CODE, "No worker is running; the assistant cannot answer.")
        return ended

    async def _waited_since(self) -> float:
        """The time WAITED_SECONDS ago, in ms of the store's clock."""
        return (await self._shard.pipeline.time() - WAITED_SECONDS) * 1000

    async def _requested(self, alias: str, before: float) -> list[tuple[str, str]]:
        """The sessions and replies at the head of a queue whose requests were sent before then.

        The queue is sorted by turn, which is never earlier than the request.
        """
        queue = await self._shard.pipeline.execute("ZRANGE", keys.queue(alias), 0, AT_A_TIME - 1)
        members = [(sid, reply_id) for sid, _, reply_id in (member.partition(" ") for member in queue)]
        return [(sid, reply_id) for sid, reply_id in members if requested_at(reply_id) <= before]

    async def _due(self, before: float) -> list[tuple[str, float]]:
        """Up to AT_A_TIME sessions with an automatic reply scheduled before then, with its time."""
        flat = await self._shard.pipeline.execute(
            "ZRANGEBYSCORE", keys.DUE, "-inf", before, "WITHSCORES", "LIMIT", 0, AT_A_TIME
        )
        return [(sid, float(due)) for sid, due in pairs(flat)]

    async def _end(self, alias: str, sid: str, reply_id: str) -> bool:
        """End a reply unless a worker has it; whether it was ended."""
        ended = False
        if is_sid(sid):
            message = f"No worker serves the model {alias!r}; the assistant cannot answer."
            error = LLMError(reply_id="", request_id="", code=CODE, message=message, text="")
            event = server.template(sid, error.event, error.model_dump())
            terminal = ending_in(self._shard, sid, event, FAILED + CODE)
            try:
                ended = await cancel_reply(self._shard, sid, reply_id, terminal, if_waiting=True)
            except DoqchatError as problem:
                log.error("Reply %s in %s cannot be ended: %s", reply_id, sid, problem.message)
        if ended:
            log.warning("Reply %s in %s ended with an error: %s", reply_id, sid, message)
        else:
            self._shard.hints.unqueued(sid, alias, reply_id)
        return ended


async def watch(engine: Engine) -> None:
    """End unserved requests and sweep, on all servers, until cancelled."""
    tasks = []
    for shard in engine.shards:
        unserved = Unserved(engine, shard)
        tasks += [Repeating(shard).repeat(unserved.look, LOOK_SECONDS, unserved.prepare), sweep(shard)]
    await asyncio.gather(*tasks)
