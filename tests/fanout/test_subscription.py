"""How a subscription handles responses; the test acts as the server, to control their timing."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import hiredis
import pytest

from doqchat.fanout.subscription import Subscription
from tests.fanout.socket import WITHIN


class Server:
    """Accepts connections, and sends the responses that the test chooses."""

    def __init__(self) -> None:
        self.url = ""
        self._commands: asyncio.Queue[list[bytes]] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        commands = hiredis.Reader()
        while data := await reader.read(65536):
            commands.feed(data)
            while command := commands.gets():
                if command[0] == b"EVALSHA":  # the probe of an outage, on a separate connection
                    writer.close()
                    return
                self._writer = writer
                if command != [b"PING"]:
                    self._commands.put_nowait(command)
        writer.close()

    async def asked(self) -> list[str]:
        """The next command other than PING."""
        async with asyncio.timeout(WITHIN):
            return [word.decode() for word in await self._commands.get()]

    def answer(self, *answer: str) -> None:
        """Send an array of strings."""
        words = "".join(f"${len(word)}\r\n{word}\r\n" for word in answer)
        self.send(f"*{len(answer)}\r\n{words}")

    def confirm(self, channels: Iterable[str]) -> None:
        for channel in channels:
            self.answer("subscribe", channel, "1")

    def send(self, text: str) -> None:
        assert self._writer is not None
        self._writer.write(text.encode())

    def cut(self) -> None:
        """Close the connection after the sent data."""
        assert self._writer is not None
        self._writer.close()


class CheckedMember:
    """A subscription to the server with the messages it received."""

    def __init__(self, url: str) -> None:
        self.received: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.missed: list[str] = []
        self.subscription = Subscription(url, lambda *message: self.received.put_nowait(message), self.missed.append)

    def subscribing(self, channel: str) -> "asyncio.Task[None]":
        return asyncio.create_task(self.subscription.subscribe(channel))

    async def receives(self, channel: str, payload: bytes) -> None:
        async with asyncio.timeout(WITHIN):
            assert await self.received.get() == (channel, payload)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    server.url = f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0"
    yield server
    listening.close()


@pytest.fixture
async def follower(server: Server) -> AsyncIterator[CheckedMember]:
    follower = CheckedMember(server.url)
    yield follower
    await follower.subscription.flush()


async def test_a_late_confirmation_does_not_confirm_a_channel_that_was_left_and_joined_again(
    server: Server, follower: CheckedMember
) -> None:
    first = follower.subscribing("c")
    assert await server.asked() == ["SUBSCRIBE", "c"]
    await follower.subscription.unsubscribe("c")
    assert await server.asked() == ["UNSUBSCRIBE", "c"]
    again = follower.subscribing("c")
    assert await server.asked() == ["SUBSCRIBE", "c"]
    server.confirm("c")
    server.answer("message", "c", "before it was left")
    await follower.receives("c", b"before it was left")
    await asyncio.wait_for(first, WITHIN)
    assert not again.done()
    server.answer("unsubscribe", "c", "0")
    server.confirm("c")
    await asyncio.wait_for(again, WITHIN)


async def test_channels_that_were_confirmed_before_the_connection_broke_are_reported_as_missed(
    server: Server, follower: CheckedMember
) -> None:
    confirmed, waiting = follower.subscribing("a"), follower.subscribing("b")
    assert await server.asked() == ["SUBSCRIBE", "a", "b"]
    server.confirm("a")
    await asyncio.wait_for(confirmed, WITHIN)
    server.cut()
    assert await server.asked() == ["SUBSCRIBE", "a", "b"]
    server.confirm("ab")
    await asyncio.wait_for(waiting, WITHIN)
    assert follower.missed == ["a"]


async def test_a_channel_left_without_a_connection_is_not_subscribed_again(
    server: Server, follower: CheckedMember
) -> None:
    subscribed = [follower.subscribing(channel) for channel in "ab"]
    await server.asked()
    server.confirm("ab")
    async with asyncio.timeout(WITHIN):
        await asyncio.gather(*subscribed)
    server.cut()
    await follower.subscription.unsubscribe("a")
    while (asked := await server.asked()) == ["UNSUBSCRIBE", "a"]:  # may still have been sent
        continue
    assert asked == ["SUBSCRIBE", "b"]


async def test_a_malformed_response_breaks_the_connection_but_not_the_subscription(
    server: Server, follower: CheckedMember, caplog: pytest.LogCaptureFixture
) -> None:
    subscribed = follower.subscribing("c")
    await server.asked()
    server.confirm("c")
    await asyncio.wait_for(subscribed, WITHIN)
    server.send(":5\r\n")
    assert await server.asked() == ["SUBSCRIBE", "c"]
    assert "The subscription to the store failed" in caplog.text
    server.confirm("c")
    server.answer("message", "c", "news")
    await follower.receives("c", b"news")
    assert follower.missed == ["c"]
