"""A reply that a worker writes under a lease: streamed in pieces, committed once."""

import itertools
from time import monotonic
from typing import Any

from doqchat import tracing
from doqchat.protocol import server
from doqchat.protocol.events import Body, FinishReason, LLMError, LLMResponse, LLMStreaming, Usage
from doqchat.protocol.ids import order
from doqchat.protocol.names import MODEL_ROLE
from doqchat.replies import metrics
from doqchat.replies.budget import counter_of_today, spend
from doqchat.replies.dead_letters import keep
from doqchat.store import keys
from doqchat.store.faults import retry_until_available
from doqchat.store.script import Script, load
from doqchat.store.shards import Shard
from doqchat.worker.queue import Job

LEASE_SECONDS = 5.0
"""Seconds until a lease expires unless it is renewed."""

_SESSION = "session", "replies", "owed"
_BEGIN, _PIECE = load("reply_begin", *_SESSION), load("reply_piece", "session", "replies", "lease")
_COMMIT, _HAND_OVER = (
    load("reply_commit", *_SESSION, "border", "entry", "lease"),
    load("reply_hand_over", *_SESSION, "lease"),
)

_COUNTER = itertools.count()

MOST_DELIVERIES = 3
"""Maximum number of deliveries of a job, after which it becomes a dead letter."""


class Lost(Exception):
    """The lease is lost: another worker has the job, or the reply has ended."""


class GivenUp(Exception):
    """The job has reached its maximum number of deliveries."""


class LeasedReply:
    """Writes one attempt at one reply. While the store is unreachable, its calls retry, so that no text is lost.

    Args:
        shard: the server that holds the session.
        worker: this worker's name.
        job: the request.

    Attributes:
        attempt: the number of this attempt.
        traceparent: the span of the request; empty if it is not traced.
    """

    def __init__(self, shard: Shard, worker: str, job: Job) -> None:
        self.job = job
        self.attempt = 1
        self.traceparent = ""
        self._pieces: list[str] = []
        self._before = ""
        self._length = self._bytes = 0
        self._begun = 0.0
        self._waited_ms = 0
        self._first_piece: float | None = None
        self._automatic = False
        self._counter = ""
        self._shard = shard
        self._stream = keys.stream(job.sid)
        self._reply: dict[str, Any] = {"reply": job.reply, "lease": f"{worker}-{next(_COUNTER)}"}
        self._channel = shard.channel(job.sid)

    @property
    def renew_within(self) -> float:
        """Seconds within which the next piece is due; an empty one renews the lease."""
        return LEASE_SECONDS / 4

    @property
    def text(self) -> str:
        """The text of this attempt so far."""
        return "".join(self._pieces)

    async def begin(self, model: str | None = None) -> None:
        """Take the lease, and log from here on with the id of the request. Raises Lost, or GivenUp.

        The log of an automatic reply, which has no request, gets an id of its own.

        Args:
            model: the name of the model, for its reply if that is cancelled; None for the alias.
        """
        answer = await self._run(_BEGIN, lease_ms=int(LEASE_SECONDS * 1000), deliveries=MOST_DELIVERIES, model=model)
        outcome, hints, *known = answer
        self._shard.hints.post(self.job.sid, hints)
        if outcome == "lost":
            raise Lost
        self._before, self.attempt, automatic, origin, moment = known
        self._waited_ms = max(moment - order(self.job.request)[0], 0)
        self.traceparent = tracing.resume(origin)
        self._automatic = bool(automatic)
        if outcome == "given up":
            raise GivenUp
        self._begun = monotonic()
        if self.attempt > 1:
            metrics.count(self._shard, {metrics.RESTARTS: 1})

    async def say(self, piece: str) -> None:
        """Add a piece and publish it; an empty one only renews the lease. Raises Lost.

        If the store has lost some of the text, it is added and published again.
        """
        stored = await self._add_piece(piece, self._length, self._bytes)
        if stored is not None:
            text = self.text.encode()
            await self._add_piece(text[stored:].decode() + piece, len(text[:stored].decode()), stored)
        if piece and self._first_piece is None:
            self._first_piece = monotonic() - self._begun
        self._pieces.append(piece)
        self._length += len(piece)
        self._bytes += len(piece.encode())

    async def _add_piece(self, piece: str, offset: int, begins: int) -> int | None:
        """Add a piece at an offset in code points and in bytes; the number of stored bytes if that is lower."""
        job = self.job
        streaming = LLMStreaming(
            reply_id=job.reply, request_id=job.request, attempt=self.attempt, offset=offset, text=piece
        )
        frame = server.ephemeral(job.sid, streaming, MODEL_ROLE)
        outcome, *stored = await self._run(
            _PIECE, lease_ms=int(LEASE_SECONDS * 1000), piece=piece, begins=begins, channel=self._channel, frame=frame
        )
        if outcome == "lost":
            raise Lost
        return int(*stored) if stored else None

    async def commit(self, terminal: Body, *, given_up: bool = False) -> None:
        """Store the one event that ends the reply.

        Args:
            terminal: an `llm.response` or `llm.error`.
            given_up: whether the request becomes a dead letter.

        Raises:
            Lost: another worker holds the lease, or the reply has ended.
        """
        job = self.job
        if given_up:
            await retry_until_available(
                lambda: keep(self._shard, job.sid, job.reply, job.llm, automatic=self._automatic)
            )
        outcome, hints = await self._run(
            _COMMIT,
            body=server.stored(job.sid, terminal),
            participant=MODEL_ROLE,
            channel=self._channel,
            given_up=given_up,
            traceparent=tracing.traceparent() or None,
        )
        self._shard.hints.post(job.sid, hints)
        if outcome == "lost":
            raise Lost
        metrics.count(self._shard, metrics.counted(terminal, self._first_piece))

    async def spend(self, tokens: int) -> None:
        """Count the tokens of this attempt once, also after its lease was lost."""
        if tokens:
            self._counter = self._counter or counter_of_today()
            counted = keys.counted(self._counter, self.job.sid, self.job.reply, self.attempt)
            await retry_until_available(lambda: spend(self._shard, self._counter, counted, tokens))

    async def hand_over(self) -> None:
        """Release the lease, so that another worker takes the reply; raises Unavailable."""
        _, hints = await self._shard.pipeline.run(_HAND_OVER, [self._stream], **self._reply)
        self._shard.hints.post(self.job.sid, hints)

    def response(self, text: str, reason: FinishReason, model: str, usage: Usage) -> LLMResponse:
        """The event that ends this reply with an answer."""
        return LLMResponse(
            reply_id=self.job.reply,
            request_id=self.job.request,
            text=text,
            finish_reason=reason,
            model=model,
            usage=usage,
            first_piece_ms=self._first_piece_ms,
            attempt=self._later_attempt,
        )

    @property
    def _later_attempt(self) -> int | None:
        return self.attempt if self.attempt > 1 else None

    @property
    def _first_piece_ms(self) -> int | None:
        """Time from the request to the first piece of this attempt: until its beginning by the store's clock."""
        if self._first_piece is None:
            return None
        return self._waited_ms + round(self._first_piece * 1000)

    def error(self, code: str, message: str) -> LLMError:
        """The event that ends this reply with an error and its visible text."""
        ids = {"reply_id": self.job.reply, "request_id": self.job.request}
        text = self.text or self._before
        return LLMError(**ids, code=code, message=message, text=text, attempt=self._later_attempt)

    async def _run(self, script: Script, **given: Any) -> Any:
        """Run a script, and retry until the store responds: the scripts are idempotent."""
        return await retry_until_available(
            lambda: self._shard.pipeline.run(script, [self._stream], **self._reply, **given)
        )
