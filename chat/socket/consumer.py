"""The WebSocket consumer: passes a client's frames to the engine."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from chat.audit_batches import batches
from chat.socket.handshake import read_handshake, subprotocol_of
from chat.webhooks.members import note_joined, note_left
from doqchat.engine import engine
from doqchat.errors import DoqchatError, InvalidMessage, NotFound, RateLimited, TooLarge, problem_of
from doqchat.fanout.member import FAILED, Member
from doqchat.joining import begin, join, leave
from doqchat.limits.addresses import address_of
from doqchat.limits.connection import TooManyRefused
from doqchat.protocol import server
from doqchat.protocol.events import ChatAck
from doqchat.protocol.frames import parse
from doqchat.protocol.names import SOCKET_PATH, WRITE_TEXT
from doqchat.serving.connection_limits import FRAME_BYTES
from doqchat.serving.shutdown import RESTART_CODE
from doqchat.store.counts import CONNECTIONS, REFUSALS, Counts
from doqchat.store.faults import Uncertain
from doqchat.submission import submit

log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

NORMAL = 1000
NO_STATUS = 1005
"""What a client's close frame without a code counts as (RFC 6455, 7.1.5)."""

CLOSE_SECONDS = 1.0
"""Timeout of sending the close frame to a client that does not read."""

PENALTY_SECONDS = 1.0
"""How long a connection over a limit is not read before it is closed: an immediate reconnect would cost more than its
frames."""


class ClientDisconnected(Exception):
    """The client has disconnected; raised by a write."""


class ChatConsumer(AsyncJsonWebsocketConsumer):
    """One connection to one session.

    The hub joins the session's group in the channel layer, once for all sockets of this process; the consumer has no
    channel. Channels' dispatch is replaced, because it uses a thread for every event.
    """

    member: Member | None = None
    address: str | None = None
    counted = False
    accepted = False
    dropped: int | None = None
    ended = NO_STATUS
    counts: Counts | None = None

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        """Serve the connection until either side closes it.

        If it is unknown whether a message is stored, the connection is closed, because no answer would be correct.
        """
        code = NORMAL
        self.scope, self._asgi_send = scope, send
        self.base_send = partial(_write, send)
        self._task = asyncio.current_task()
        try:
            await self._handle_all(receive)
        except asyncio.CancelledError:
            if self.dropped is None:
                self.ended = RESTART_CODE
                await self._close_at_the_end()
                raise
        except TooManyRefused as problem:
            code = problem.close_code
            await self._punish(problem)
        except DoqchatError as problem:
            code = problem.close_code
        except ClientDisconnected:
            log.debug("The client disconnected during a write.")
        except Exception:
            log.exception("A connection failed.")
            code = FAILED
        finally:
            await self.disconnect(self.dropped or code)
            if self.counts is not None:
                self.counts.closed(self.dropped or (self.ended if code == NORMAL else code))

    async def _handle_all(self, receive: Callable[[], Awaitable[Any]]) -> None:
        """Handle events until the client disconnects, one per iteration of the event loop."""
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.connect":
                await self.connect()
            else:
                await self.receive(message.get("text"), message.get("bytes"))
            await asyncio.sleep(0)
        if self.ended == NO_STATUS:
            self.ended = message.get("code") or NO_STATUS

    async def connect(self) -> None:
        """Join the session, then accept, so that a connected client misses no event; or refuse with an error."""
        try:
            self.engine = engine()
            self.counts = self.engine.shards.counts
            self._count()
            shake = await read_handshake(self.scope, self.engine.authenticator)
            self.counts = self.engine.stream.counts(shake.principal.sid)
            member = self.member = Member(
                self._write,
                principal=shake.principal,
                profile=shake.profile,
                on_drop=self._on_drop,
                write_now=self.scope.get("extensions", {}).get(WRITE_TEXT),
                limits=self.engine.clients.connection(),
            )
            welcome = await join(self.engine, member, shake.since)
        except DoqchatError as problem:
            if self.member is not None:
                batches().refused(self.member.principal, problem)
            await self._refuse(problem)
        else:
            batches().joined(member.principal)
            note_joined(self.engine, member)
            await self.accept(subprotocol=subprotocol_of(self.scope))
            self.accepted = True
            self.counts.sockets += 1
            self.counts.count(CONNECTIONS)
            begin(self.engine, member, welcome)

    def _count(self) -> None:
        """Count the connection; raises RateLimited for one too many."""
        self.address = address_of(self.scope)
        self.engine.clients.open_socket(self.address)
        self.counted = True

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Handle one frame; errors are reported, and the connection stays open.

        Raises:
            Uncertain: it is unknown whether the message is stored.
            TooManyRefused: too many frames were refused.
            TooLarge: the server has accepted a larger frame than it should.
        """
        if len(text_data or bytes_data or "") > FRAME_BYTES:
            raise TooLarge(f"A message may have {FRAME_BYTES:,} bytes at most.")
        if (member := self.member) is None:
            return
        msg_id = None
        try:
            if text_data is None:
                raise InvalidMessage("Binary frames are not part of the protocol; send JSON as text.")
            frame = parse(text_data)
            msg_id = frame.msg_id
            appended = await submit(self.engine, member.principal, frame, member)
        except Uncertain as problem:
            log.warning("A connection to %s is closed: %s", member.principal.sid, problem.message)
            raise
        except Exception as error:
            self._answer(member, error, msg_id)
        else:
            if appended and msg_id and member.full:
                ack = ChatAck(msg_id=msg_id, id=appended.id, duplicate=appended.duplicate)
                member.push(server.ephemeral(member.principal.sid, ack))

    def _answer(self, member: Member, error: Exception, msg_id: str | None) -> None:
        """Report the error of a frame; raises TooManyRefused."""
        problem = problem_of(error, "A frame")
        problem.msg_id = problem.msg_id or msg_id
        self._count_refusal(problem)
        batches().limited(member.principal, problem)
        if member.limits.refuse(problem):
            self._tell(problem)

    async def disconnect(self, code: int) -> None:
        """Leave the session; close the connection unless the code is NORMAL."""
        await self._leave()
        if code != NORMAL:
            await asyncio.wait([asyncio.create_task(self._close(code))], timeout=CLOSE_SECONDS)

    async def _leave(self) -> None:
        if self.counted:
            self.counted = False
            self.engine.clients.close_socket(self.address)
        if self.member is not None:
            member, self.member = self.member, None
            if member.joined:
                note_left(self.engine, member)
                batches().left(member.principal)
            if self.accepted and self.counts is not None:
                self.counts.sockets -= 1
            await leave(self.engine, member)

    async def _punish(self, problem: TooManyRefused) -> None:
        """Report the error, and stop reading until the connection is closed."""
        self._tell(problem)
        await self._leave()
        await asyncio.sleep(PENALTY_SECONDS)

    async def _close(self, code: int) -> None:
        """Close with a code that browsers can read, which requires an accepted connection."""
        with suppress(ClientDisconnected):
            if not self.accepted:
                await self.accept(subprotocol=subprotocol_of(self.scope))
            await self.close(code)

    async def _close_at_the_end(self) -> None:
        """Close when the server shuts down, first of all: some servers cancel only twice.

        A server that has closed the connection itself raises RuntimeError.
        """
        with suppress(TimeoutError, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._close(RESTART_CODE)

    async def _write(self, text: str) -> None:
        await self._asgi_send({"type": "websocket.send", "text": text})

    def _tell(self, problem: DoqchatError) -> None:
        if self.member is not None:
            self.member.push(server.error(self.member.principal.sid, problem))

    async def _refuse(self, problem: DoqchatError) -> None:
        """Accept, send the error, and close with a code that browsers can read."""
        self.ended = problem.close_code
        self._count_refusal(problem)
        await self._leave()
        await self.accept(subprotocol=subprotocol_of(self.scope))
        await self.send(server.error(None, problem))
        if isinstance(problem, RateLimited):
            await asyncio.sleep(PENALTY_SECONDS)
        await self.close(problem.close_code)

    def _count_refusal(self, problem: DoqchatError) -> None:
        if self.counts is not None:
            self.counts.count(REFUSALS + problem.code)

    def _on_drop(self, code: int) -> None:
        self.dropped = code
        if self._task is not None:
            self._task.cancel()


class WrongAddress(AsyncJsonWebsocketConsumer):
    """Refuses WebSockets at other paths."""

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        """Refuse, and wait until the client disconnects."""
        self.base_send = partial(_write, send)
        socket = f"{scope['root_path']}/{SOCKET_PATH}"
        problem = NotFound(f"There is no socket at this address; connect to {socket}?sid=… instead.")
        counts = engine().shards.counts
        counts.count(REFUSALS + problem.code)
        counts.closed(problem.close_code)
        with suppress(ClientDisconnected):
            while (await receive())["type"] != "websocket.disconnect":
                await self.accept(subprotocol=subprotocol_of(scope))
                await self.send(server.error(None, problem))
                await self.close(problem.close_code)


async def _write(send: Send, message: dict[str, Any]) -> None:
    """Send an event to the server.

    Raises:
        ClientDisconnected: the server raised an OSError; callers could not tell it from others, such as TimeoutError.
    """
    try:
        await send(message)
    except OSError as error:
        raise ClientDisconnected from error
