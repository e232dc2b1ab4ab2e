"""Updates queues and indexes, which are hints: the pending replies of a session are in its own keys.

A script touches keys of one hash slot only, so that the store can be a Redis Cluster. It returns the updates of other
slots, and its caller posts them. A hint may be lost, if the process dies before it posts it, or duplicated. So a worker
checks the session, and the sweeper restores lost hints.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from doqchat.store import keys
from doqchat.store.pipeline import Pipeline
from doqchat.store.script import load

TOUCH_SECONDS = 20.0
"""How long a process skips adding the same session to OWING again."""

REMEMBERED = 100_000
"""Maximum number of sessions for which a process remembers that."""

_ENQUEUE, _UNQUEUE = load("enqueue", "queue"), load("unqueue", "queue")
_HINT, _DONE = load("hint"), load("hint_done")

Ended = Callable[[str], None]
Hint = Sequence[Any]
"""What a script returns: `queued` with a model, a reply, its turn and its person, `unqueued` with a model and a reply,
`due` with a time (ms of the store's clock), `counted` with a counter, or `ended` with the envelope that ends a
reply."""


class Hints:
    """Posts hints to one server, without waiting.

    Args:
        appends: the pipeline of appends; it also carries `may_owe`, so that it runs before the append.
        pipeline: the pipeline of all other hints.
        workers_channel: the channel that workers subscribe to.
        ended: called with each envelope that ends a reply.
    """

    def __init__(self, appends: Pipeline, pipeline: Pipeline, workers_channel: str, ended: Ended) -> None:
        self._appends = appends
        self._pipeline = pipeline
        self._channel = workers_channel
        self._noted: dict[str, float] = {}
        self._kinds: dict[str, Callable[..., None]] = {
            "queued": self.queued,
            "unqueued": self.unqueued,
            "due": self.due,
            "counted": self._counted,
            "ended": self._reply_ended,
        }
        self._ended = ended

    def may_owe(self, sid: str) -> None:
        """Add a session to those that the sweeper checks, before an append that may need a reply. Requires `ready`."""
        now = asyncio.get_running_loop().time()
        if now - self._noted.get(sid, -TOUCH_SECONDS) < TOUCH_SECONDS:
            return
        if len(self._noted) >= REMEMBERED:
            self._noted.clear()
        self._noted[sid] = now
        self._appends.post("ZADD", keys.OWING, self._appends.deadline(), sid, lost=lambda: self._noted.pop(sid, None))

    def post(self, sid: str, hints: Sequence[Hint]) -> None:
        """Post the hints that a script of a session has returned."""
        for kind, *named in hints:
            self._kinds[kind](sid, *named)

    def queued(self, sid: str, llm: str, reply_id: str, turn: str | float, person: str) -> None:
        """Queue a reply, unless it is queued, and notify the workers.

        Args:
            sid: the session.
            llm: the alias of the model.
            reply_id: the reply.
            turn: when it became the session's current reply, in ms of the store's clock; empty means now.
            person: who requested it. Without one the session takes its own turns.
        """
        self._pipeline.post("SADD", keys.MODELS, llm)
        self._pipeline.post_script(
            _ENQUEUE,
            [keys.queue(llm)],
            member=f"{sid} {reply_id}",
            person=person or f"session:{sid}",
            turn=int(float(turn)) if turn else None,
        )
        self._pipeline.post("PUBLISH", self._channel, f"queued {llm}")

    def unqueued(self, sid: str, llm: str, reply_id: str) -> None:
        """Remove a reply from the queue of a model."""
        self._pipeline.post_script(_UNQUEUE, [keys.queue(llm)], member=f"{sid} {reply_id}")

    def due(self, sid: str, at: str | int, *, keep: bool = False) -> None:
        """Schedule the session's automatic reply.

        Args:
            sid: the session.
            at: ms of the store's clock.
            keep: whether to keep a time that is already scheduled.
        """
        self._pipeline.post_script(_HINT, [keys.DUE], member=sid, score=int(float(at)), keep=keep)

    def done(self, index: str, member: str, score: float) -> None:
        """Remove a hint that was processed, unless it was posted again since.

        Args:
            index: the sorted set with the hint.
            member: the hint.
            score: the score that it had when it was read.
        """
        self._pipeline.post_script(_DONE, [index], member=member, score=score)

    def active(self, sid: str) -> None:
        """Set the last activity of a session to now."""
        self._pipeline.post("ZADD", keys.SESSIONS, time.time(), sid)

    def _reply_ended(self, sid: str, envelope: str) -> None:
        self.active(sid)
        self._ended(envelope)

    def _counted(self, sid: str, counter: str) -> None:
        self._pipeline.post("HINCRBY", keys.COUNTERS, counter, 1)
