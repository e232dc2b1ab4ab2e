"""How a session is joined and joined again: credentials, what each close code asks for, and what hooks hear of it."""

import asyncio
import logging
from http import HTTPStatus

import pytest
from doqchat_client import ChatError, ServerError, State, connect
from doqchat_client.connection import Address
from doqchat_client.exceptions import (
    Disconnected,
    Forbidden,
    NotFound,
    SessionClosed,
    Unauthenticated,
    Unreachable,
)
from doqchat_client.reconnecting import MOST_REFUSED_TOKENS
from websockets.asyncio.server import Request, Response, ServerConnection, serve

from tests.doqchat_client.relay import Relay
from tests.doqchat_client.session_log import WITHIN
from tests.processes import Web

SECRET = "c2VjcmV0.eyJzaWQiOiJ4In0"


class Tokens:
    """Gives a new token on every call.

    Attributes:
        given: those so far.
        failures: what the next calls raise instead.
    """

    def __init__(self, *failures: Exception) -> None:
        self.given: list[str] = []
        self.failures = list(failures)

    async def __call__(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.given.append(f"token-{len(self.given)}")
        return self.given[-1]


def offered(relay: Relay) -> list[list[str]]:
    """The subprotocols of each handshake so far."""
    return [request.headers["Sec-WebSocket-Protocol"].split(", ") for request in relay.requests]


async def test_a_server_without_access_control_passes_over_a_token(any_server: Web, sid: str) -> None:
    async with connect(any_server.ws, sid, role="B", token=SECRET) as session:
        assert (await session.send("hello")).id


async def test_a_token_is_fetched_for_every_connection_and_never_in_the_url(relay: Relay, sid: str) -> None:
    tokens = Tokens(OSError("The token server restarts."))
    async with connect(relay.ws, sid, token=tokens) as session:
        await relay.close(1012)
        await session.send("again")
    assert offered(relay) == [["doqchat.v1", "bearer.token-0"], ["doqchat.v1", "bearer.token-1"]]
    assert not any("token" in request.path for request in relay.requests)


async def test_an_expired_token_is_replaced_by_a_new_one(relay: Relay, sid: str) -> None:
    tokens = Tokens()
    async with connect(relay.ws, sid, token=tokens) as session:
        await relay.close(4401)
        await session.send("with the new one")
    assert tokens.given == ["token-0", "token-1"]


@pytest.mark.parametrize(("token", "tries"), [(SECRET, 1), (None, 1), (Tokens(), MOST_REFUSED_TOKENS)])
async def test_a_session_ends_when_there_is_no_other_token_or_all_are_refused(
    relay: Relay, sid: str, token: str | Tokens | None, tries: int
) -> None:
    relay.refuses = {"code": "unauthenticated", "message": "No."}, 4401
    with pytest.raises(Unauthenticated):
        await connect(relay.ws, sid, token=token, open_timeout=None)
    assert len(relay.requests) == tries


async def nonsense() -> str:
    return "not a token"


@pytest.mark.parametrize(("token", "error"), [(Tokens(Forbidden("You have left.")), Forbidden), (nonsense, ValueError)])
async def test_a_callable_can_end_the_session(relay: Relay, sid: str, token: Tokens, error: type[Exception]) -> None:
    with pytest.raises(error) as ended:
        await connect(relay.ws, sid, token=token)
    assert "not a token" not in str(ended.value)
    assert relay.requests == []


async def wait(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def echo_everything(connection: ServerConnection, request: Request, response: Response) -> Response:
    """Answer as a server that is broken in just the way that gives the token away."""
    response.headers["Sec-WebSocket-Protocol"] = request.headers["Sec-WebSocket-Protocol"]
    response.headers["Sec-WebSocket-Protocol"] = "doqchat.v1"
    return response


async def test_a_token_is_in_no_log_error_or_repr(relay: Relay, sid: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    joining = connect(relay.ws, sid, token=SECRET)
    async with joining as session:
        await session.send("hello")
        shown = [repr(joining), repr(session), repr(Address(relay.ws, sid, None, SECRET))]
    async with serve(wait, "127.0.0.1", 0, process_response=echo_everything) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(Unreachable) as error:
            await connect(f"ws://127.0.0.1:{port}", sid, token=SECRET, open_timeout=0.3)
    cause = error.value.__cause__
    assert isinstance(cause, Disconnected)
    assert "multiple values" in str(cause)
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("doqchat_client"))
    assert "Sec-WebSocket-Version" in logged
    assert SECRET not in "\n".join([logged, *shown, str(error.value), str(cause), repr(cause.__context__)])


async def test_a_token_does_not_follow_a_redirect(relay: Relay, sid: str) -> None:
    async def redirect(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = relay.ws + request.path
        return response

    async with serve(wait, "127.0.0.1", 0, process_request=redirect) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(Unreachable, match="302"):
            await connect(f"ws://127.0.0.1:{port}", sid, token=SECRET, open_timeout=0.3)
    assert relay.requests == []


@pytest.mark.parametrize(("code", "error"), [(4403, Forbidden), (4404, NotFound), (4410, SessionClosed)])
async def test_a_session_that_is_refused_is_not_tried_again(
    relay: Relay, sid: str, code: int, error: type[ServerError]
) -> None:
    relay.refuses = {"code": error.wire_code, "message": "No."}, code
    with pytest.raises(error, match=r"No\.") as refused:
        await connect(relay.ws, sid, token=Tokens())
    assert refused.value.close_code == code
    assert len(relay.requests) == 1


async def test_a_server_that_says_how_long_to_wait_is_joined_again_after_that(relay: Relay, sid: str) -> None:
    reasons: list[ChatError | None] = []
    async with connect(relay.ws, sid, on_state=lambda state, reason: reasons.append(reason)) as session:
        error = {"code": "rate_limited", "message": "Too many.", "retry_after": 0.4}
        await relay.say({"hd": {"event": "error"}, "bd": error})
        await relay.close(4429)
        await session.send("again")
    (lost,) = [reason for reason in reasons if isinstance(reason, Disconnected)]
    assert (lost.close_code, lost.retry_after) == (4429, 0.4)


async def test_hooks_receive_each_state_and_their_exceptions_do_no_harm(relay: Relay, sid: str) -> None:
    heard: list[tuple[State, object]] = []

    def hook(state: State, reason: ChatError | None) -> None:
        heard.append((state, getattr(reason, "close_code", None)))
        raise RuntimeError("a hook that fails")

    async with connect(relay.ws, sid, on_state=hook) as session:
        await relay.close(1012)
        await session.send("again")
        assert session.state is State.OPEN
    assert session.state is State.CLOSED
    assert heard == [
        (State.CONNECTING, None),
        (State.OPEN, None),
        (State.CONNECTING, 1012),
        (State.OPEN, None),
        (State.CLOSED, None),
    ]


async def test_a_session_can_be_opened_without_a_block(server: Web, sid: str) -> None:
    session = await connect(server.ws, sid)
    async with asyncio.timeout(WITHIN):
        await session.send("hello")
        said = await anext(event async for event in session if event.durable)
        await session.close()
        assert said.bd["text"] == "hello"
        assert [event async for event in session if event.durable] == []
