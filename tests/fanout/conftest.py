"""Members of sessions in the test process, on the shared store."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import redis

from doqchat.engine import Engine
from doqchat.fanout import hub
from doqchat.store.reader import Entry
from tests.fanout.socket import Socket

Join = Callable[..., Awaitable[Socket]]
BODY = '{"hd":{"event":"chat.message","role":"A"},"bd":{"text":"hi"}}'


@pytest.fixture
def no_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the beat, so that it cannot deliver what a test expects, and the recording of activity."""
    monkeypatch.setattr(hub, "BEAT_SECONDS", 3600.0)
    monkeypatch.setattr(hub, "ACTIVITY_SECONDS", 3600.0)


@asynccontextmanager
async def joined(engine: Engine, sid: str, since: str | None = None, *, v1: bool = False) -> AsyncIterator[Socket]:
    """A member of a session, live or after a replay from `since`."""
    socket = Socket(v1=v1)
    session = await engine.hub.enter(sid, socket.member)
    if since is None:
        session.go_live(socket.member)
    socket.member.release()
    if since is not None:
        session.replay(socket.member, since, whole=False)
    try:
        yield socket
    finally:
        await engine.hub.leave(session, socket.member)


@pytest.fixture
async def join(engine: Engine) -> AsyncIterator[Join]:
    """`await join(sid, since=None, v1=False)` adds a member until the end of the test."""
    async with AsyncExitStack() as stack:

        async def enter(sid: str, since: str | None = None, *, v1: bool = False) -> Socket:
            return await stack.enter_async_context(joined(engine, sid, since, v1=v1))

        yield enter


def fail_once(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    """Let the next read of a stream raise an unexpected error."""
    read = engine.stream.read

    async def failing(sid: str, after: str, count: int) -> list[Entry]:
        monkeypatch.setattr(engine.stream, "read", read)
        raise RuntimeError("deliberate")

    monkeypatch.setattr(engine.stream, "read", failing)


def pubsub_connections(store: "redis.Redis") -> set[str]:
    """The ids of the subscribed connections to the shared store."""
    return {client["id"] for client in store.client_list(_type="pubsub")}
