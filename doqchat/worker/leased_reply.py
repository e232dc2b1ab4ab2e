"""A reply while a worker writes it: leased, visible as it grows, committed once."""

import itertools
from time import monotonic
from typing import Any

from doqchat.protocol import server
from doqchat.protocol.events import Body, FinishReason, LLMError, LLMResponse, LLMStreaming, Usage
from doqchat.protocol.names import MODEL_ROLE
from doqchat.replies import metrics
from doqchat.replies.budget import counter_of_today, spend
from doqchat.replies.dead_letters import keep
from doqchat.store import keys
from doqchat.store.faults import insist
from doqchat.store.script import Script, load
from doqchat.store.shards import Shard
from doqchat.worker.queue import Job

LEASE_SECONDS = 5.0
"""How long a reply stays with a worker that does not renew its lease."""

_SESSION = "session", "replies", "owed"
_BEGIN, _PIECE = load("reply_begin", *_SESSION), load("reply_piece", "session", "replies", "lease")
_COMMIT, _HAND_OVER = load("reply_commit", *_SESSION, "entry", "lease"), load("reply_hand_over", *_SESSION, "lease")

_COUNTER = itertools.count()

MOST_DELIVERIES = 3
"""How many workers try to answer a request before it is given up."""


class Lost(Exception):
    """Another worker has the job, or the reply has ended: this one must not write any more."""


class GivenUp(Exception):
    """As many workers as may have died of the job."""


class LeasedReply:
    """Writes one attempt at one reply. While the store is away its calls wait: nothing that was said is lost.

    Args:
        shard: the server that holds the session.
        worker: this worker's name.
        job: the request.
    """

    def __init__(self, shard: Shard, worker: str, job: Job) -> None:
        self.job = job
        self.attempt = 1
        self._pieces: list[str] = []
        self._before = ""
        self._length = self._bytes = 0
        self._begun = 0.0
        self._first_piece: float | None = None
        self._automatic = False
        self._counter = ""
        self._shard = shard
        self._stream = keys.stream(job.sid)
        self._reply: dict[str, Any] = {"reply": job.reply, "lease": f"{worker}-{next(_COUNTER)}"}
        self._channel = shard.channel(job.sid)

    @property
    def renew_within(self) -> float:
        """Within how many seconds something has to be said, if only to renew the lease."""
        return LEASE_SECONDS / 4

    @property
    def text(self) -> str:
        """What this attempt has said so far."""
        return "".join(self._pieces)

    async def begin(self) -> None:
        """Take the lease. Raises Lost, or GivenUp."""
        answer = await self._run(_BEGIN, lease_ms=int(LEASE_SECONDS * 1000), deliveries=MOST_DELIVERIES)
        outcome, hints, *known = answer
        self._shard.hints.post(self.job.sid, hints)
        if outcome == "lost":
            raise Lost
        self._before, self.attempt, automatic = known
        self._automatic = bool(automatic)
        if outcome == "given up":
            raise GivenUp
        self._begun = monotonic()
        if self.attempt > 1:
            metrics.count(self._shard, {metrics.RESTARTS: 1})

    async def say(self, piece: str) -> None:
        """Add a piece and show it to the session; an empty one only keeps the lease. Raises Lost.

        Where the store has lost some of what was said before, it is shown again from there.
        """
        there = await self._show(piece, self._length, self._bytes)
        if there is not None:
            said = self.text.encode()
            await self._show(said[there:].decode() + piece, len(said[:there].decode()), there)
        if piece and self._first_piece is None:
            self._first_piece = monotonic() - self._begun
        self._pieces.append(piece)
        self._length += len(piece)
        self._bytes += len(piece.encode())

    async def _show(self, piece: str, offset: int, begins: int) -> int | None:
        """Add a piece that begins after so many code points and bytes; how many bytes are there, if these are fewer."""
        job = self.job
        streaming = LLMStreaming(
            reply_id=job.reply, request_id=job.request, attempt=self.attempt, offset=offset, text=piece
        )
        frame = server.ephemeral(job.sid, streaming, MODEL_ROLE)
        outcome, *there = await self._run(
            _PIECE, lease_ms=int(LEASE_SECONDS * 1000), piece=piece, begins=begins, channel=self._channel, frame=frame
        )
        if outcome == "lost":
            raise Lost
        return int(*there) if there else None

    async def commit(self, terminal: Body, *, given_up: bool = False) -> None:
        """Store the one event that ends the reply.

        Args:
            terminal: an `llm.response` or `llm.error`.
            given_up: keep the request as a dead letter.

        Raises:
            Lost: another worker has ended it, or will.
        """
        job = self.job
        if given_up:
            await insist(lambda: keep(self._shard, job.sid, job.reply, job.llm, automatic=self._automatic))
        outcome, hints = await self._run(
            _COMMIT,
            body=server.stored(job.sid, terminal),
            participant=MODEL_ROLE,
            channel=self._channel,
            given_up=given_up,
        )
        self._shard.hints.post(job.sid, hints)
        if outcome == "lost":
            raise Lost
        metrics.count(self._shard, metrics.counted(terminal, self._first_piece))

    async def spend(self, tokens: int) -> None:
        """Count what this attempt has used, if that was not done yet, also for a reply that was lost."""
        if tokens:
            self._counter = self._counter or counter_of_today()
            counted = keys.counted(self._counter, self.job.sid, self.job.reply, self.attempt)
            await insist(lambda: spend(self._shard, self._counter, counted, tokens))

    async def hand_over(self) -> None:
        """Let another worker take the reply; raises Unavailable."""
        _, hints = await self._shard.pipeline.run(_HAND_OVER, [self._stream], **self._reply)
        self._shard.hints.post(self.job.sid, hints)

    def response(self, text: str, reason: FinishReason, model: str, usage: Usage) -> LLMResponse:
        """The event that ends this reply with an answer."""
        ids = {"reply_id": self.job.reply, "request_id": self.job.request}
        return LLMResponse(**ids, text=text, finish_reason=reason, model=model, usage=usage)

    def error(self, code: str, message: str) -> LLMError:
        """The event that ends this reply with an error, and with what people have seen of it."""
        ids = {"reply_id": self.job.reply, "request_id": self.job.request}
        return LLMError(**ids, code=code, message=message, text=self.text or self._before)

    async def _run(self, script: Script, **given: Any) -> Any:
        """Run a script until the store answers: each of them can be repeated without harm."""
        return await insist(lambda: self._shard.pipeline.run(script, [self._stream], **self._reply, **given))
