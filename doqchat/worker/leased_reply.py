"""A reply while a worker writes it: leased, visible as it grows, committed once."""

from time import monotonic
from typing import Any

from doqchat.protocol import server
from doqchat.protocol.events import Body, FinishReason, LLMError, LLMResponse, LLMStreaming, Usage
from doqchat.protocol.names import MODEL_ROLE
from doqchat.replies import metrics
from doqchat.replies.budget import counter_of_today, spent
from doqchat.store import keys
from doqchat.store.faults import insist
from doqchat.store.script import Script, load
from doqchat.store.shards import Shard
from doqchat.worker.queue import Job

_BEGIN, _PIECE = load("reply_begin", "lease", "turn"), load("reply_piece", "lease")
_COMMIT, _SPENT = load("reply_commit", "lease", "entry", "turn", "tokens"), load("reply_spent", "tokens")
_HAND_OVER = load("reply_hand_over", "lease", "turn", "tokens")

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
        self._shard = shard
        self._queue = keys.queue(job.llm)
        self._lease: dict[str, Any] = {"group": keys.WORKERS, "worker": worker, "job": job.id}
        self._place: dict[str, Any] = {"reply": job.reply, "sid": job.sid, "own": keys.own(job.sid)}
        self._channel = shard.channel(job.sid)

    @property
    def text(self) -> str:
        """What this attempt has said so far."""
        return "".join(self._pieces)

    async def begin(self) -> None:
        """Take the lease. Raises Lost, or GivenUp."""
        used = [self._queue, keys.QUEUES, keys.COUNTERS]
        told: dict[str, Any] = {"deliveries": MOST_DELIVERIES, "restarts": metrics.RESTARTS}
        outcome, *known = await self._run(_BEGIN, used, **self._lease, **self._place, **told)
        if outcome == "lost":
            raise Lost
        self._before, *attempt = known
        if outcome == "given up":
            raise GivenUp
        self._begun = monotonic()
        self.attempt = int(*attempt)

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
        texts = keys.reply_text(job.sid, job.reply), keys.reply_text_before(job.sid, job.reply)
        used = [self._queue, keys.reply(job.sid, job.reply), *texts]
        told: dict[str, Any] = {"piece": piece, "begins": begins, "channel": self._channel, "frame": frame}
        outcome, *there = await self._run(_PIECE, used, **self._lease, **told)
        if outcome == "lost":
            raise Lost
        return int(*there) if there else None

    async def commit(self, terminal: Body, *, tokens: int = 0, given_up: bool = False) -> None:
        """Store the one event that ends the reply.

        Args:
            terminal: an `llm.response` or `llm.error`.
            tokens: what this attempt has used; counted whether or not the reply is lost.
            given_up: keep the job among the dead ones.

        Raises:
            Lost: another worker has ended it, or will.
        """
        sid = self.job.sid
        outcome = await self._run(
            _COMMIT,
            [self._queue, keys.QUEUES, keys.stream(sid), keys.DEAD_JOBS, keys.COUNTERS, *self._counts()],
            **self._lease,
            **self._place,
            spent=spent(tokens),
            body=server.stored(sid, terminal),
            participant=MODEL_ROLE,
            channel=self._channel,
            given_up=given_up,
            counters={name: str(amount) for name, amount in metrics.counted(terminal, self._first_piece).items()},
        )
        if outcome == "lost":
            raise Lost

    async def spend(self, tokens: int) -> None:
        """Count what this attempt has used, if that was not done yet: it does not end the reply."""
        if tokens:
            await self._run(_SPENT, self._counts(), spent=spent(tokens))

    async def hand_over(self, tokens: int = 0) -> None:
        """Give the job back to the queue, and count what this attempt has used; raises Unavailable."""
        used = [self._queue, keys.QUEUES, *self._counts()]
        await self._shard.pipeline.run(_HAND_OVER, used, **self._lease, **self._place, spent=spent(tokens))

    def response(self, text: str, reason: FinishReason, model: str, usage: Usage) -> LLMResponse:
        """The event that ends this reply with an answer."""
        ids = {"reply_id": self.job.reply, "request_id": self.job.request}
        return LLMResponse(**ids, text=text, finish_reason=reason, model=model, usage=usage)

    def error(self, code: str, message: str) -> LLMError:
        """The event that ends this reply with an error, and with what people have seen of it."""
        ids = {"reply_id": self.job.reply, "request_id": self.job.request}
        return LLMError(**ids, code=code, message=message, text=self.text or self._before)

    def _counts(self) -> list[str]:
        """The keys that scripts with parts/tokens.lua use."""
        return [counter_of_today(), keys.reply_spent(self.job.sid, self.job.reply, self.attempt)]

    async def _run(self, script: Script, used: list[str], **given: Any) -> Any:
        """Run a script until the store answers: each of them can be repeated without harm."""
        return await insist(lambda: self._shard.pipeline.run(script, used, **given))
