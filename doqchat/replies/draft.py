"""A reply while a worker writes it: leased, visible as it grows, committed once."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Literal

from doqchat.errors import Unavailable
from doqchat.protocol import server
from doqchat.protocol.events import Body, FinishReason, LLMError, LLMResponse, LLMStreaming, Usage
from doqchat.protocol.names import MODEL_ROLE
from doqchat.replies import budget, metrics
from doqchat.replies.jobs import Job
from doqchat.replies.replies import KEPT_SECONDS
from doqchat.store import keys
from doqchat.store.pipeline import Argument
from doqchat.store.script import Script, load
from doqchat.store.shards import Shard

_BEGIN, _PIECE = load("reply_begin", "lease"), load("reply_piece", "lease")
_COMMIT = load("reply_commit", "lease", "entry", "turn")
LONGEST_WAIT = 1.0


Interruption = Literal["cancelled", "superseded"]


class Lost(Exception):
    """Another worker has the job, or it was answered: this one must not write any more."""


class Interrupted(Exception):
    """The reply is to end with what was said so far.

    Args:
        reason: `cancelled` when somebody asked for that, `superseded` when the session has gone on without it.
    """

    def __init__(self, reason: Interruption) -> None:
        super().__init__(reason)
        self.reason = reason


class Draft:
    """Writes one attempt at one reply. While the store is away its calls wait: nothing that was said is lost.

    Args:
        shard: the server that holds the session.
        worker: this worker's name.
        job: the request.
        channel_of: the name of the channel of a session's group.
    """

    def __init__(self, shard: Shard, worker: str, job: Job, channel_of: Callable[[str], str]) -> None:
        self.job = job
        self.text = ""
        self.attempt = 1
        self._bytes = 0
        self._begun = 0.0
        self._first_piece: float | None = None
        self._shard = shard
        self._lease = (keys.WORKERS, worker, job.id)
        self._channel = channel_of(job.sid)

    async def begin(self) -> None:
        """Take the lease; raises Lost, or Interrupted when nobody wants the reply any more."""
        answer = await self._run(_BEGIN, [keys.JOBS], *self._lease, self.job.reply, keys.own(self.job.sid))
        if answer[0] != "begun":
            raise Lost
        self._begun = monotonic()
        self.attempt = int(answer[1])
        if answer[2]:
            raise Interrupted(answer[2])

    async def say(self, piece: str) -> None:
        """Add a piece and show it to the session; an empty one only keeps the lease. Raises Lost or Interrupted."""
        job, before = self.job, len(self.text)
        streaming = LLMStreaming(
            reply_id=job.reply, request_id=job.request, attempt=self.attempt, offset=before, text=piece
        )
        frame = server.ephemeral(job.sid, streaming, MODEL_ROLE)
        used = [keys.JOBS, keys.reply(job.sid, job.reply), keys.reply_text(job.sid, job.reply)]
        outcome = await self._run(_PIECE, used, *self._lease, piece, self._bytes, self._channel, frame, KEPT_SECONDS)
        if outcome == "lost":
            raise Lost
        if outcome != "ok":
            raise Interrupted(outcome)
        if piece and self._first_piece is None:
            self._first_piece = monotonic() - self._begun
        self.text += piece
        self._bytes += len(piece.encode())

    async def shown(self) -> str:
        """What clients have been shown: more than `text` when a piece was on its way as its writer was cancelled."""
        text = keys.reply_text(self.job.sid, self.job.reply)
        return str(await self._insist(lambda: self._shard.pipeline.execute("GET", text)) or "")

    async def commit(self, terminal: Body, *, given_up: bool = False) -> None:
        """Store the one event that ends the reply.

        Args:
            terminal: an `llm.response` or `llm.error`.
            given_up: keep the job among the dead ones.

        Raises:
            Lost: another worker ended it, or will.
        """
        job = self.job
        unwanted = self.response("", "superseded")
        withdrawn = server.stored(job.sid, unwanted) if job.automatic else ""
        end = "given up" if given_up else ""
        told = server.stored(job.sid, terminal), MODEL_ROLE, self._channel, end, job.sid, keys.own(job.sid), withdrawn
        counters = metrics.outcome_of(terminal), metrics.outcome_of(unwanted)
        tokens = sum(metrics.tokens_of(terminal)), budget.KEPT_SECONDS
        also = metrics.counted(terminal, self._first_piece)
        used = [keys.JOBS, keys.stream(job.sid), keys.DEAD_JOBS, keys.COUNTERS, budget.counter_of_today()]
        answer = await self._run(_COMMIT, used, *self._lease, job.reply, *told, *counters, *tokens, *also)
        if answer == "lost":
            raise Lost

    def response(self, text: str, reason: FinishReason, model: str = "", usage: Usage | None = None) -> LLMResponse:
        """The event that ends this reply with an answer; without a model's name, the alias that was asked."""
        ids = {"reply_id": self.job.reply, "request_id": self.job.request}
        return LLMResponse(**ids, text=text, finish_reason=reason, model=model or self.job.llm, usage=usage or Usage())

    def error(self, code: str, message: str) -> LLMError:
        """The event that ends this reply with an error, and with what was said before it."""
        ids = {"reply_id": self.job.reply, "request_id": self.job.request}
        return LLMError(**ids, code=code, message=message, text=self.text)

    async def _run(self, script: Script, used: list[str], *arguments: Argument) -> Any:
        return await self._insist(lambda: self._shard.pipeline.run(script, used, *arguments))

    async def _insist(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Call again and again while the store is away: each script can be repeated without harm."""
        wait = 0.05
        while True:
            try:
                return await call()
            except Unavailable:
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
