"""Answers one request: calls the model, streams its output and always ends the reply."""

import asyncio
import logging
from contextlib import AbstractContextManager, ExitStack, aclosing, suppress

from doqchat import tracing
from doqchat.engine import engine
from doqchat.errors import DoqchatError, Rejected
from doqchat.filters import Filters
from doqchat.llm import llms
from doqchat.llm.base import LLM, Finish, LLMError, UnknownLLM
from doqchat.llm.context import Context, approximate_tokens
from doqchat.protocol.events import Body, LLMResponse, Usage
from doqchat.protocol.events import LLMError as ReplyFailed
from doqchat.protocol.names import MODEL_ROLE
from doqchat.signals import message_filtered
from doqchat.store.faults import retry_until_available
from doqchat.tracing import ATTEMPT, EVENT_ID, REPLY_ID, SESSION_ID, Span
from doqchat.worker.conversation import Conversations
from doqchat.worker.held_back import HeldBack
from doqchat.worker.leased_reply import GivenUp, LeasedReply, Lost

log = logging.getLogger(__name__)

EAGER_PIECES = 4
"""Number of pieces sent immediately, so that reading can start; later ones are batched."""


class Writer:
    """Writes one reply.

    Args:
        reply: the reply.
        conversations: reads the context.
        gather_seconds: how long pieces are collected into one batch.
        filters: what the model may say.
    """

    def __init__(
        self, reply: LeasedReply, conversations: Conversations, gather_seconds: float, filters: Filters
    ) -> None:
        self._reply = reply
        self._conversations = conversations
        self._gather_seconds = gather_seconds
        self._held_back = HeldBack(filters, reply.job.sid) if filters else None
        self._pending: list[str] = []
        self._progress = asyncio.Event()
        self._context: Context | None = None
        self._finish: Finish | None = None
        self._received = self._failed = False
        self._span: Span | None = None

    async def write(self) -> None:
        """Answer the request; the reply gets its terminal event even if the model fails.

        Raises:
            Lost: the lease is lost.
            DoqchatError: the reply cannot be ended.
        """
        with ExitStack() as spans:
            terminal = await self._answer(spans)
            if terminal is not None:
                if self._span and isinstance(terminal, ReplyFailed):
                    self._span.fail(terminal.code)
                await self._commit(terminal)

    async def _answer(self, spans: ExitStack) -> Body | None:
        """The event that ends the reply; None if it has ended as a dead letter.

        Args:
            spans: gets the span of the attempt, once the lease tells which trace it belongs to.
        """
        reply, job = self._reply, self._reply.job
        try:
            await reply.begin(_model_of(job.llm))
            self._span = spans.enter_context(self._begun())
            await self._stream_reply(llms[job.llm])
            terminal: Body = self._response()
            if self._held_back and self._held_back.replaced_by:
                self._report("replaced", self._held_back.replaced_by)
        except Lost:
            raise
        except GivenUp:
            await reply.commit(reply.error("failed", "The answer failed several times; ask again."), given_up=True)
            return None
        except UnknownLLM:
            terminal = reply.error("not_configured", f"The assistant {job.llm!r} is not configured.")
        except LLMError as error:
            log.warning("Reply %s in %s ended with an error: %s", job.reply, job.sid, error)
            terminal = reply.error(error.code, error.message)
        except Rejected as refusal:
            reason = refusal.details.get("filter", refusal.message)
            log.info("The filters have ended the reply %s in %s: %s", job.reply, job.sid, reason)
            terminal = reply.error(refusal.code, refusal.message)
            self._report("rejected", [refusal.details["filter"]] if "filter" in refusal.details else [])
        except Exception as error:
            expected = isinstance(error, DoqchatError)
            log.error("Reply %s in %s failed: %s", job.reply, job.sid, error, exc_info=not expected)
            terminal = reply.error("failed", "Internal error; see the server's log.")
        return terminal

    def _begun(self) -> AbstractContextManager[Span]:
        """The span of this attempt; it belongs to the trace of the request."""
        reply, job = self._reply, self._reply.job
        known = {SESSION_ID: job.sid, EVENT_ID: job.request, REPLY_ID: job.reply, ATTEMPT: str(reply.attempt)}
        return tracing.span(f"answer {job.llm}", "consumer", known, parent=reply.traceparent)

    async def hand_over(self) -> None:
        """Let another worker answer, after `write` was cancelled. Raises Unavailable."""
        await asyncio.gather(self._reply.hand_over(), self.spend())

    async def spend(self) -> None:
        """Count the tokens used for the reply so far."""
        await self._reply.spend(self._tokens())

    async def _commit(self, terminal: Body) -> None:
        """End the reply and count its tokens concurrently."""
        spending = asyncio.create_task(self.spend())
        try:
            await self._reply.commit(terminal)
        finally:
            await spending

    def _report(self, verdict: str, filters: list[str]) -> None:
        """Send the verdict of the filters as a signal."""
        known = {"sid": self._reply.job.sid, "role": MODEL_ROLE, "name": None, "subject": None, "id": ""}
        engine().signals.post(message_filtered, **known, event=LLMResponse.event, verdict=verdict, filters=filters)

    async def _stream_reply(self, llm: LLM) -> None:
        """Receive and publish concurrently, so that a slow store does not delay the provider."""
        receiving = asyncio.create_task(self._receive_with_retry(llm))
        try:
            await self._publish(receiving)
            await receiving
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)

    async def _receive_with_retry(self, llm: LLM) -> None:
        """Receive the model's output; retry once with half of the conversation if it exceeds the model's context.

        The connection to the provider is always closed at the end.
        """
        try:
            context = await self._read(llm.context_tokens)
            try:
                await self._receive(llm, context)
            except LLMError as error:
                if error.code != "context_too_long" or self._received:
                    raise
                shorter = await self._read(context.tokens // 2)
                if shorter.tokens >= context.tokens:
                    raise
                numbers = self._reply.job.reply, context.tokens, shorter.tokens
                log.warning("Reply %s: about %d tokens exceed the model's context; retrying with %d.", *numbers)
                await self._receive(llm, shorter)
        except LLMError:
            self._failed = True
            raise
        finally:
            self._progress.set()

    async def _read(self, budget: int) -> Context:
        job = self._reply.job
        return await retry_until_available(lambda: self._conversations.context(job, budget))

    async def _receive(self, llm: LLM, context: Context) -> None:
        self._context = context
        async with aclosing(llm.stream(context.turns, system=context.system)) as answer:
            async for item in answer:
                if isinstance(item, Finish):
                    self._finish = item
                else:
                    self._received = True
                    self._pending.append(item.text)
                self._progress.set()

    async def _publish(self, receiving: "asyncio.Task[None]") -> None:
        published = 0
        while self._pending or not receiving.done():
            if not self._pending:
                await self._wait_for_progress()
            pieces = self._pending[:1] if published < EAGER_PIECES else self._pending[:]
            del self._pending[: len(pieces)]
            piece = "".join(pieces)
            await self._reply.say(await self._held_back.add(piece) if self._held_back else piece)
            published += len(pieces)
            if pieces and published >= EAGER_PIECES and not receiving.done():
                await asyncio.sleep(self._gather_seconds)
        if self._held_back:
            await self._reply.say(await self._held_back.finish())

    async def _wait_for_progress(self) -> None:
        """Wait for output of the model, or until the lease must be renewed."""
        self._progress.clear()
        try:
            async with asyncio.timeout(self._reply.renew_within):
                await self._progress.wait()
        except TimeoutError:
            return

    def _tokens(self) -> int:
        """Tokens of the answer, estimated if the provider does not count them; 0 if there was none."""
        context, finish, text = self._context, self._finish, self._reply.text
        if context is None or (self._failed and not text):
            return 0
        asked = finish.input_tokens if finish else None
        said = finish.output_tokens if finish else None
        if asked is None:
            asked = context.tokens
        return asked + (approximate_tokens(text) if said is None else said)

    def _response(self) -> Body:
        finish = self._finish
        if finish is None:
            raise LLMError("unfinished", detail="the answer has no end")
        usage = Usage(input_tokens=finish.input_tokens, output_tokens=finish.output_tokens)
        return self._reply.response(self._reply.text, finish.reason, finish.model, usage)


def _model_of(alias: str) -> str | None:
    """The name of a model; None if it cannot answer."""
    with suppress(UnknownLLM, LLMError):
        return llms[alias].model
    return None
