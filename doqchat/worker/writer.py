"""Answers one request: asks the model, shows what it says as it says it, and ends the reply whatever happens."""

import asyncio
import logging
from contextlib import aclosing

from doqchat.errors import DoqchatError
from doqchat.llm import llms
from doqchat.llm.base import LLM, Finish, LLMError, UnknownLLM
from doqchat.llm.context import Context, approximate_tokens
from doqchat.protocol.events import Body, Usage
from doqchat.store.faults import insist
from doqchat.worker.conversation import Conversations
from doqchat.worker.leased_reply import GivenUp, LeasedReply, Lost

log = logging.getLogger(__name__)

EAGER_PIECES = 4
"""So many pieces go out as they come, so that reading starts at once; later ones are gathered."""


class Writer:
    """Writes one reply.

    Args:
        reply: the reply.
        conversations: where what the model is given is read from.
        gather_seconds: how long pieces are gathered before they are shown together.
    """

    def __init__(self, reply: LeasedReply, conversations: Conversations, gather_seconds: float) -> None:
        self._reply = reply
        self._conversations = conversations
        self._gather_seconds = gather_seconds
        self._said: list[str] = []
        self._news = asyncio.Event()
        self._context: Context | None = None
        self._finish: Finish | None = None
        self._heard = self._failed = False

    async def write(self) -> None:
        """Answer the request: the reply has its terminal event then, whatever fails.

        Raises:
            Lost: another worker has it.
            DoqchatError: it cannot be ended.
        """
        reply, job = self._reply, self._reply.job
        try:
            await reply.begin()
            await self._stream_reply(llms[job.llm])
            terminal: Body = self._response()
        except Lost:
            raise
        except GivenUp:
            await reply.commit(reply.error("failed", "The answer failed several times; ask again."), given_up=True)
            return
        except UnknownLLM:
            terminal = reply.error("not_configured", f"The assistant {job.llm!r} is not configured.")
        except LLMError as error:
            log.warning("Reply %s in %s ended with an error: %s", job.reply, job.sid, error)
            terminal = reply.error(error.code, error.message)
        except Exception as error:
            foreseen = isinstance(error, DoqchatError)
            log.error("Reply %s in %s failed: %s", job.reply, job.sid, error, exc_info=not foreseen)
            terminal = reply.error("failed", "The server failed at this answer; its log says why.")
        await self._commit(terminal)

    async def hand_over(self) -> None:
        """Let another worker answer; `write` has to have ended. Raises Unavailable."""
        await asyncio.gather(self._reply.hand_over(), self.spend())

    async def spend(self) -> None:
        """Count what the model has used for a reply that this worker does not end."""
        await self._reply.spend(self._tokens())

    async def _commit(self, terminal: Body) -> None:
        """End the reply and count its tokens; both travel together, and neither waits for the other."""
        spending = asyncio.create_task(self.spend())
        try:
            await self._reply.commit(terminal)
        finally:
            await spending

    async def _stream_reply(self, llm: LLM) -> None:
        """Listen and show at the same time, so that a slow store never holds up the provider."""
        listening = asyncio.create_task(self._listen(llm))
        try:
            await self._show(listening)
            await listening
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self, llm: LLM) -> None:
        """Take what the model says; once more with half of the conversation if all of it is too long for the model.

        However this ends, the connection to the provider is closed then.
        """
        try:
            context = await self._read(llm.context_tokens)
            try:
                await self._hear(llm, context)
            except LLMError as error:
                if error.code != "context_too_long" or self._heard:
                    raise
                shorter = await self._read(context.tokens // 2)
                if shorter.tokens >= context.tokens:
                    raise
                told = self._reply.job.reply, context.tokens, shorter.tokens
                log.warning("Reply %s: about %d tokens are too long for the model, trying again with %d.", *told)
                await self._hear(llm, shorter)
        except LLMError:
            self._failed = True
            raise
        finally:
            self._news.set()

    async def _read(self, budget: int) -> Context:
        job = self._reply.job
        return await insist(lambda: self._conversations.context(job, budget))

    async def _hear(self, llm: LLM, context: Context) -> None:
        self._context = context
        async with aclosing(llm.stream(context.turns, system=context.system)) as answer:
            async for item in answer:
                if isinstance(item, Finish):
                    self._finish = item
                else:
                    self._heard = True
                    self._said.append(item.text)
                self._news.set()

    async def _show(self, listening: "asyncio.Task[None]") -> None:
        shown = 0
        while self._said or not listening.done():
            if not self._said:
                await self._wait_for_news()
            pieces = self._said[:1] if shown < EAGER_PIECES else self._said[:]
            del self._said[: len(pieces)]
            await self._reply.say("".join(pieces))
            shown += len(pieces)
            if pieces and shown >= EAGER_PIECES and not listening.done():
                await asyncio.sleep(self._gather_seconds)

    async def _wait_for_news(self) -> None:
        """Return when the model has said something, or when the lease wants to be kept."""
        self._news.clear()
        try:
            async with asyncio.timeout(self._reply.renew_within):
                await self._news.wait()
        except TimeoutError:
            return

    def _tokens(self) -> int:
        """What the answer has cost: as the provider counts, estimated where it does not say; 0 when it gave none."""
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
