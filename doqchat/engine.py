"""The engine of one event loop: the store, the layer and the hub, wired together."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress

from channels.layers import get_channel_layer

from doqchat.conf import reply_settings, store_urls
from doqchat.errors import DoqchatError, InvalidMessage, RateLimited
from doqchat.fanout.hub import Hub
from doqchat.fanout.layer import Message, SessionChannelLayer
from doqchat.llm import llms
from doqchat.protocol.events import ChatMessage, LLMRequest
from doqchat.protocol.frames import Frame
from doqchat.replies.budget import TokenBudget
from doqchat.replies.mention import has_at_sign, mentions
from doqchat.replies.metrics import count_refusal
from doqchat.replies.replies import Replies
from doqchat.store.history import History
from doqchat.store.participants import Participants
from doqchat.store.presence import Presence
from doqchat.store.reading import Reading
from doqchat.store.registry import Registry
from doqchat.store.request_limits import RequestLimits
from doqchat.store.settings import SessionSettings, Settings
from doqchat.store.shards import Shards
from doqchat.store.snapshot import Snapshots
from doqchat.store.stream import Appended, Manner, SessionStream
from doqchat.store.typing import Typing

log = logging.getLogger(__name__)


class Engine:
    """What consumers, views, commands and the worker reach the sessions through.

    Attributes:
        layer: the channel layer.
        shards, stream, history, participants, presence, reading, registry, settings, typing, snapshots: the store.
        reply_settings: how replies are written.
        limits: how many requests are taken.
        budget: the site's tokens of a day.
        replies: the answers under way, to be ended.
        hub: the live sessions of this process.
    """

    def __init__(self) -> None:
        layer: SessionChannelLayer = get_channel_layer()
        self.layer = layer
        self.reply_settings = settings = reply_settings()
        self.shards = Shards(store_urls())
        self.limits = RequestLimits(
            settings.requests_a_minute,
            settings.requests_a_minute_of_a_role,
            settings.under_way,
            settings.under_way_of_a_role,
        )
        self.budget = TokenBudget(self.shards, settings.tokens_a_day)
        self.stream = SessionStream(self.shards, self.limits)
        self.history = History(self.stream)
        self.participants = Participants(self.shards)
        self.presence = Presence(self.shards)
        self.reading = Reading(self.shards)
        self.replies = Replies(self.shards)
        self.settings = Settings(self.shards)
        self.registry = Registry(self.shards)
        self.typing = Typing(self.shards)
        self.snapshots = Snapshots(self.shards)
        self.hub = Hub(layer.for_loop(), self.stream, self.presence, self.registry)

    async def send(self, sid: str, frame: Frame) -> Appended:
        """Store what a person says and tell the session, atomically; a request to a model is queued with it, and an
        automatic reply that it supersedes ends.

        Raises:
            InvalidMessage: the request names a model that is not configured.
            RateLimited: it is a request, and one too many, or the day's tokens are used up.
            Conflict, Unavailable: nothing was stored.
            Uncertain: the store has not said whether it is stored.
        """
        try:
            return await self._append(sid, frame)
        except RateLimited as refusal:
            count_refusal(self.shards.of(sid), refusal.limit)
            raise

    async def _append(self, sid: str, frame: Frame) -> Appended:
        ask = await self._asked(sid, frame.body) if isinstance(frame.body, LLMRequest) else ""
        if ask:
            await self._check_budget(sid, frame)
        manner = await self._manner(sid, frame.body) if isinstance(frame.body, ChatMessage) else ""
        digest = frame.digest() if frame.msg_id else ""
        appended = await self.stream.append(
            sid, frame.role, frame.stored(sid), msg_id=frame.msg_id, digest=digest, ask=ask, manner=manner
        )
        if not self.hub.note_later(sid):
            with suppress(DoqchatError):  # what is stored is not reported as refused
                await self.registry.touch([sid])
        return appended

    def signal(self, sid: str, message: Message) -> None:
        """Send a message to the session's group, as `group_send` does but without waiting; lost without the store."""
        shard = self.shards.of(sid)
        shard.pipeline.post("PUBLISH", shard.channel(sid), self.layer.serialize(message))

    async def _asked(self, sid: str, request: LLMRequest) -> str:
        """The alias of the model that a request is for: its own, or the session's."""
        if request.llm is None:
            return self._configured(sid, (await self.settings.of(sid)).llm)
        if request.llm not in llms:
            known = ", ".join(sorted(llms))
            raise InvalidMessage(f"There is no model {request.llm!r}; there are {known}.", field="bd.llm")
        return request.llm

    def _configured(self, sid: str, alias: str) -> str:
        """The alias that is set for a session, or the default: a model can be removed from the site."""
        if alias in llms:
            return alias
        log.warning("Session %s is set to the model %r, which is not configured; the default is asked.", sid, alias)
        return SessionSettings().llm

    async def _check_budget(self, sid: str, frame: Frame) -> None:
        """See that there are tokens left for a request; one that was stored before needs no more."""
        try:
            await self.budget.check()
        except RateLimited:
            if not (frame.msg_id and await self.stream.knows(sid, frame.role, frame.msg_id)):
                raise

    async def _manner(self, sid: str, message: ChatMessage) -> Manner:
        """Whether a message calls the assistant, or has nothing in it that could be answered.

        The assistant's name is looked up only where there is an @.
        """
        if not message.text.strip():
            return ""
        if not has_at_sign(message.text):
            return "said"
        return "mentioned" if mentions(message.text, (await self.settings.of(sid)).name_llm) else "said"

    async def close(self) -> None:
        """Drop all connections to the store."""
        await self.layer.flush()
        await self.shards.close()

    async def until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        """Waits at its only step until the event loop finishes its asynchronous generators, then closes the engine."""
        try:
            yield
        finally:
            await self.close()


_engines: dict[asyncio.AbstractEventLoop, tuple[Engine, AsyncGenerator[None, None]]] = {}


def engine() -> Engine:
    """The engine of the running event loop; connections belong to a loop, and so does it.

    It is closed when the loop ends as asyncio.run ends it. async_to_sync runs each call on a loop of its own where no
    other is in charge, so connections that outlive their loop would pile up.
    """
    loop = asyncio.get_running_loop()
    if loop not in _engines:
        for closed in [other for other in list(_engines) if other.is_closed()]:
            _engines.pop(closed, None)  # another thread may have been faster
        current = Engine()
        closing = current.until_the_loop_ends()
        with suppress(StopIteration):
            closing.__anext__().send(None)  # from its first step on the loop knows of it
        _engines[loop] = current, closing
    return _engines[loop][0]
