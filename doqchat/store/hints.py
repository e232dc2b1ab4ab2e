"""What a session owes is in its own keys; queues and indexes, in other hash slots, are hints where to look.

A script touches the keys of one slot only, so that the store can be a Redis Cluster. It returns what is to be done
elsewhere, and its caller posts that. A hint may be lost, when a process dies at that moment, or doubled: a worker that
follows one looks into the session, and the sweeper gives lost ones again.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from doqchat.protocol.ids import BEGINNING, order, parse_id, request_of
from doqchat.store import keys
from doqchat.store.pipeline import Pipeline
from doqchat.store.script import load

TOUCH_SECONDS = 20.0
"""For how long a process need not note again that a session may owe a reply."""

REMEMBERED = 100_000
"""Sessions for which a process knows that it has noted it."""

_HINT, _DONE = load("hint"), load("hint_done")

Hint = Sequence[Any]
"""What a script asks for: `queued` or `unqueued` with a model and a reply, `due` with a moment (ms of the store's
clock), or `counted` with a counter."""


class Hints:
    """Posts hints to one server, without waiting.

    Args:
        appends: the pipeline of the appends, on which a session is noted before it can owe anything.
        pipeline: the one for all else.
        workers_channel: the channel that workers listen on.
    """

    def __init__(self, appends: Pipeline, pipeline: Pipeline, workers_channel: str) -> None:
        self._appends = appends
        self._pipeline = pipeline
        self._channel = workers_channel
        self._noted: dict[str, float] = {}
        self._kinds: dict[str, Callable[..., None]] = {
            "queued": self.queued,
            "unqueued": self._unqueued,
            "due": self.due,
            "counted": self._counted,
        }

    def may_owe(self, sid: str) -> None:
        """Have the sweeper look at a session, before something is appended that may be answered; first `ready`."""
        now = asyncio.get_running_loop().time()
        if now - self._noted.get(sid, -TOUCH_SECONDS) < TOUCH_SECONDS:
            return
        if len(self._noted) >= REMEMBERED:
            self._noted.clear()
        self._noted[sid] = now
        self._appends.post("ZADD", keys.OWING, self._appends.deadline(), sid, lost=lambda: self._noted.pop(sid, None))

    def post(self, sid: str, hints: Sequence[Hint]) -> None:
        """Post what a script of a session has returned."""
        for kind, *named in hints:
            self._kinds[kind](sid, *named)

    def queued(self, sid: str, llm: str, reply_id: str) -> None:
        """Queue a reply, unless it is in the queue, and wake the workers."""
        asked = order(parse_id(request_of(reply_id)) or BEGINNING)[0]
        queue, member = keys.queue(llm), f"{sid} {reply_id}"
        self._pipeline.post("SADD", keys.MODELS, llm)
        self._pipeline.post_script(_HINT, [queue], member=member, score=asked, keep=True)
        self._pipeline.post("PUBLISH", self._channel, f"queued {llm}")

    def due(self, sid: str, at: str | int, *, keep: bool = False) -> None:
        """Have the session's automatic reply started at a moment, ms of the store's clock.

        Args:
            sid: the session.
            at: the moment.
            keep: whether another moment that is noted stays.
        """
        self._pipeline.post_script(_HINT, [keys.DUE], member=sid, score=int(float(at)), keep=keep)

    def done(self, index: str, member: str, score: float) -> None:
        """Remove a hint that was followed, unless it was given again since.

        Args:
            index: the sorted set that it is in.
            member: the hint.
            score: what it had there.
        """
        self._pipeline.post_script(_DONE, [index], member=member, score=score)

    def _unqueued(self, sid: str, llm: str, reply_id: str) -> None:
        self._pipeline.post("ZREM", keys.queue(llm), f"{sid} {reply_id}")

    def _counted(self, sid: str, counter: str) -> None:
        self._pipeline.post("HINCRBY", keys.COUNTERS, counter, 1)
