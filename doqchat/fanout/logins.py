"""Signed-in users in this process: their connections are closed when they log out, or lose their access."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import replace
from hashlib import sha256
from time import monotonic

from doqchat.access.authorization import subject_of
from doqchat.access.principal import Principal
from doqchat.errors import DoqchatError, Forbidden, Unavailable
from doqchat.fanout.member import Member
from doqchat.fanout.subscription import Subscription
from doqchat.store.shards import Shard

log = logging.getLogger(__name__)

RECHECK_SECONDS = 60.0
"""Interval of authenticating each signed-in user again: notices can be lost, and logins expire without one."""

RECENT_SECONDS = 10.0
"""How long a notice also affects new connections, which may have been authenticated before it."""

AT_ONCE = 4
"""Number of users who are authenticated again concurrently."""


def login_name(login: str) -> str:
    """The name of a Django session in notices: a digest, because the key is a credential."""
    return f"login:{sha256(login.encode()).hexdigest()}"


class Logins:
    """The connections of signed-in users. Every notice has one name: a login that has ended, or a changed user.

    Args:
        shard: the server whose channel has the notices.
        authenticate: authenticates a principal again; raises DoqchatError.
    """

    def __init__(self, shard: Shard, authenticate: Callable[[Principal], Awaitable[Principal]]) -> None:
        self._shard = shard
        self._authenticate = authenticate
        self._subscription = Subscription(shard.url, self._on_notice, lambda _: self._missed.set())
        self._names: dict[Member, tuple[str, str]] = {}
        self._members: dict[str, set[Member]] = {}
        self._recent: dict[str, float] = {}
        self._missed = asyncio.Event()
        self._beat: asyncio.Task[None] | None = None
        self._checks: set[asyncio.Task[None]] = set()

    async def announce_logout(self, login: str) -> None:
        """Close the connections of a Django session on every process; raises Unavailable."""
        await self._announce(login_name(login))

    async def announce_change(self, pk: object) -> None:
        """Authenticate the connections of a user again on every process; raises Unavailable."""
        await self._announce(subject_of(pk))

    async def follow(self, member: Member) -> None:
        """Watch a connection until `forget`, if it is that of a signed-in user; raises Unavailable."""
        login = member.principal.login
        if login is None:
            return
        first = self._beat is None
        if first:
            self._beat = asyncio.create_task(self._run_beat(), context=Context())
        await self._subscription.subscribe(self._shard.logins_channel)
        names = self._names[member] = login_name(login), str(member.principal.subject)
        for name in names:
            self._members.setdefault(name, set()).add(member)
            if monotonic() - self._recent.get(name, float("-inf")) < RECENT_SECONDS:
                self._apply(name, [member])
        if first:
            self._missed.set()  # a notice may have been published before the subscription

    def forget(self, member: Member) -> None:
        """Undo `follow`."""
        for name in self._names.pop(member, ()):
            self._members[name].discard(member)
            if not self._members[name]:
                del self._members[name]

    async def close(self) -> None:
        """Unsubscribe, and cancel background tasks."""
        for task in (*self._checks, *([] if self._beat is None else [self._beat])):
            task.cancel()
        self._beat = None
        await self._subscription.flush()

    async def _announce(self, name: str) -> None:
        await self._shard.pipeline.execute("PUBLISH", self._shard.logins_channel, name)

    def _on_notice(self, _channel: str, payload: bytes) -> None:
        name, now = payload.decode(errors="replace"), monotonic()
        self._recent.pop(name, None)
        self._recent[name] = now
        while self._recent[oldest := next(iter(self._recent))] < now - RECENT_SECONDS:
            del self._recent[oldest]
        self._apply(name, self._members.get(name, ()))

    def _apply(self, name: str, members: Iterable[Member]) -> None:
        """End the connections of a login that has ended; authenticate those of a changed user again."""
        members = list(members)
        if members and name == self._names[members[0]][0]:
            for member in members:
                member.end(Forbidden("You have logged out."))
        elif members:
            check = asyncio.create_task(self._check_all(members))
            self._checks.add(check)
            check.add_done_callback(self._checks.discard)

    async def _run_beat(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(RECHECK_SECONDS):
                    await self._missed.wait()
            self._missed.clear()
            await self._check_all(list(self._names))

    async def _check_all(self, members: Sequence[Member]) -> None:
        for start in range(0, len(members), AT_ONCE):
            await asyncio.gather(*map(self._check, members[start : start + AT_ONCE]))

    async def _check(self, member: Member) -> None:
        """Authenticate a member again; it stays while that is unavailable."""
        known = member.principal
        if member.closed or known.login is None:
            return
        try:
            found = await self._authenticate(known)
            found.require("read")
        except Unavailable as problem:
            log.debug("A signed-in user in %s could not be checked: %s", known.sid, problem.message)
        except DoqchatError as problem:
            log.debug("A signed-in user in %s has lost access: %s", known.sid, problem.message)
            if member.principal is known:
                member.end(Forbidden("You have logged out, or your access has changed."))
        except Exception:
            log.exception("Checking a signed-in user in %s failed.", known.sid)
        else:
            if member.principal is known:
                member.principal = replace(found, address=known.address)
