"""The engine of one event loop: the store, the layer and the hub, wired together."""

import asyncio
from collections.abc import AsyncGenerator
from functools import cached_property

from channels.layers import get_channel_layer

from doqchat.access.authenticator import Authenticator
from doqchat.access.principal import Principal
from doqchat.archive.archive import DatabaseArchive
from doqchat.conf import access_mode, doqchat_settings, token_key
from doqchat.fanout.hub import Hub
from doqchat.fanout.layer import SessionChannelLayer
from doqchat.fanout.logins import Logins
from doqchat.filters.configured import site_filters
from doqchat.limits.clients import ClientLimits
from doqchat.limits.messages import MessageLimits
from doqchat.limits.requests import RequestLimits
from doqchat.loop_end import at_loop_end
from doqchat.replies.budget import TokenBudget
from doqchat.signal_queue import SignalQueue
from doqchat.store.cancellation import Cancellation
from doqchat.store.ephemeral import ReadReceipts, Typing
from doqchat.store.exports import Exports
from doqchat.store.history import History
from doqchat.store.member_notes import MemberNotes
from doqchat.store.moderation import Moderation
from doqchat.store.participants import Participants
from doqchat.store.presence import Presence
from doqchat.store.revocations import Revocations
from doqchat.store.session_index import SessionIndex
from doqchat.store.settings import Settings
from doqchat.store.shards import Shards
from doqchat.store.snapshot import Snapshots
from doqchat.store.stream import SessionStream


class Engine:
    """The access of consumers, views, commands and workers to the sessions.

    Attributes:
        layer: the channel layer.
        shards, stream, history, exports, participants, presence, read_receipts, session_index, settings, typing,
            snapshots, revocations, moderation, member_notes: the store.
        archive: the archive; None if all events stay in the store.
        reply_settings: the settings of replies.
        limits: rate limits of requests.
        clients: limits on the clients of this process.
        filters: what may be said.
        budget: the daily token budget.
        cancellation: cancels replies.
        hub: the sessions with members in this process.
        logins: their members who are signed-in users.
        signals: sends Django signals.
    """

    def __init__(self) -> None:
        settings = doqchat_settings()
        layer: SessionChannelLayer = get_channel_layer(settings.channel_layer)
        self.layer = layer
        self.reply_settings = replies = settings.replies
        self.signals = SignalQueue()
        self.shards = Shards(settings.store_urls, self.signals.reply_ended)
        self.limits = RequestLimits(
            replies.requests_per_minute,
            replies.role_requests_per_minute,
            replies.max_active_replies,
            replies.role_max_active_replies,
        )
        self.budget = TokenBudget(self.shards, replies.tokens_per_day)
        most = settings.limits
        self.clients = ClientLimits(most)
        self.filters = site_filters()
        messages = MessageLimits(most.role_messages, most.role_bytes, most.session_messages, most.session_bytes)
        self.archive = None if settings.archive is None else DatabaseArchive(self.shards)
        self.stream = SessionStream(self.shards, self.limits, messages, self.archive)
        self.history = History(self.stream, self.archive)
        self.exports = Exports(self.shards, self.stream, self.archive)
        self.participants = Participants(self.shards, self.archive)
        self.presence = Presence(self.shards)
        self.read_receipts = ReadReceipts(self.shards)
        self.cancellation = Cancellation(self.shards)
        self.settings = Settings(self.shards)
        self.session_index = SessionIndex(self.shards)
        self.typing = Typing(self.shards)
        self.snapshots = Snapshots(self.shards)
        self.revocations = Revocations(self.shards)
        self.moderation = Moderation(self.shards, self.archive)
        self.member_notes = MemberNotes(next(iter(self.shards)))
        revocations = self.revocations if access_mode() == "token" else None
        self.hub = Hub(layer.for_loop(), self.stream, self.presence, self.session_index, self.moderation, revocations)
        self.logins = Logins(next(iter(self.shards)), self._authenticate_again)

    @cached_property
    def authenticator(self) -> Authenticator:
        """Authenticates principals; created on first use because only web processes need the token key."""
        if access_mode() == "open":
            return Authenticator("open")
        settings = doqchat_settings()
        return Authenticator("token", token_key(), settings.token_jwks, settings.authorize)

    async def close(self) -> None:
        """Close all connections to the store."""
        await self.signals.close()
        await self.logins.close()
        await self.member_notes.close()
        await self.layer.flush()
        await self.shards.close()
        if self.archive is not None:
            await self.archive.close()

    async def _authenticate_again(self, known: Principal) -> Principal:
        return await self.authenticator.principal(known.sid, known.role, [], login=known.login)


_engines: dict[asyncio.AbstractEventLoop, tuple[Engine, AsyncGenerator[None, None]]] = {}


def engine() -> Engine:
    """The engine of the running event loop, because connections belong to a loop.

    It is closed when asyncio.run finishes the loop. async_to_sync creates a loop per call outside an event loop, so
    connections that outlive their loop would accumulate.
    """
    loop = asyncio.get_running_loop()
    if loop not in _engines:
        for closed in [other for other in list(_engines) if other.is_closed()]:
            _engines.pop(closed, None)  # another thread may have created it meanwhile
        current = Engine()
        _engines[loop] = current, at_loop_end(current.close)
    return _engines[loop][0]
