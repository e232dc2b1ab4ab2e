"""Requests that no worker is there for: because none runs, or because none of them has the model in its settings.

Each web process looks for them, so that people are told even when nothing else of doqchat runs.
"""

import asyncio
import logging
from typing import Any

from doqchat.engine import Engine
from doqchat.errors import DoqchatError
from doqchat.protocol import server
from doqchat.protocol.events import LLMError
from doqchat.protocol.names import is_sid
from doqchat.replies.metrics import FAILED, HEARD_SECONDS
from doqchat.store import keys
from doqchat.store.early_end import ending
from doqchat.store.script import load
from doqchat.store.shards import Shard
from doqchat.worker.automatic_replies import AutomaticReplies
from doqchat.worker.repeating import Repeating

log = logging.getLogger(__name__)

CODE = "no_worker"
LOOK_SECONDS = 1.0

WAITED_SECONDS = 8.0
"""How long a request waits for a worker before the person who asked is told that there is none."""

CONFIRM_SECONDS = 3.0
"""How long a model has to be seen without a worker, longer than a worker's read takes: after an outage of the store
each of them needs a moment to show itself."""

AT_A_TIME = 100

_FIND = load("replies_unserved", "workers")
_END = load("reply_unserved", "workers", "entry", "filled", "turn", "interrupt")


class Unserved:
    """What waits on one server without a worker.

    Args:
        engine: the engine of the running loop.
        shard: the server.
    """

    def __init__(self, engine: Engine, shard: Shard) -> None:
        self._shard = shard
        self._due = AutomaticReplies(shard, engine.limits, engine.budget)
        self._since: dict[str, float] = {}
        self._looks_since = 0.0

    async def prepare(self) -> None:
        """Begin to look; what was seen before an outage of the store says nothing."""
        self._since.clear()
        self._looks_since = asyncio.get_running_loop().time()

    async def look(self) -> None:
        """End what has waited for WAITED_SECONDS; raises DoqchatError."""
        while await self._end_what_waits():
            pass  # the next in line of each session is in the queue now

    async def _end_what_waits(self) -> bool:
        """Whether a reply has ended."""
        now, ended = asyncio.get_running_loop().time(), False
        waited, gone = int(WAITED_SECONDS * 1000), int(HEARD_SECONDS * 1000)
        used = [keys.QUEUES, keys.DUE]
        flat, due = await self._shard.pipeline.run(
            _FIND, used, group=keys.WORKERS, gone_ms=gone, waited_ms=waited, count=AT_A_TIME
        )
        unserved = dict(zip(flat[::2], flat[1::2], strict=True))
        self._since = {alias: self._since.get(alias, now) for alias in unserved}
        for alias, named in unserved.items():
            if now - self._since[alias] >= CONFIRM_SECONDS:
                for sid, reply_id in zip(named[::2], named[1::2], strict=True):
                    ended = await self._end(alias, sid, reply_id) or ended
        if now - self._looks_since >= CONFIRM_SECONDS:
            for sid in due:
                await self._due.fail(sid, CODE, "No worker is running; the assistant cannot answer.")
        return ended

    async def _end(self, alias: str, sid: str, reply_id: str) -> bool:
        if not is_sid(sid):
            return False
        message = f"No worker serves the model {alias!r}; the assistant cannot answer."
        error = server.stored(sid, LLMError(reply_id="", request_id="", code=CODE, message=message, text=""))
        given: dict[str, Any] = {
            "reply": reply_id,
            "sid": sid,
            "own": keys.own(sid),
            "llm": alias,
            "gone_ms": int(HEARD_SECONDS * 1000),
            "early_end": ending(self._shard, sid, error, FAILED + CODE),
        }
        used = [keys.QUEUES, keys.stream(sid), keys.COUNTERS]
        try:
            ended = bool(await self._shard.pipeline.run(_END, used, **given))
        except DoqchatError as problem:
            log.error("Reply %s in %s cannot be ended: %s", reply_id, sid, problem.message)
            return False
        if ended:
            log.warning("Reply %s in %s ended with an error: %s", reply_id, sid, message)
        return ended


async def watch(engine: Engine) -> None:
    """Look after what waits, on all servers, until this is cancelled."""
    looking = []
    for shard in engine.shards:
        unserved = Unserved(engine, shard)
        looking.append(Repeating(shard).repeat(unserved.look, LOOK_SECONDS, unserved.prepare))
    await asyncio.gather(*looking)
