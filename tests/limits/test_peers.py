"""Limit on the connections of one peer, and who may read the metrics, on servers that trust no proxy."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from doqchat.serving.peers import REFUSED_SECONDS, Peers
from tests.chat.fetch import fetch
from tests.conftest import Connect
from tests.processes import Web, web
from tests.serving.raw import Peer

SOCKETS = 4
CONNECTIONS = 2 * SOCKETS
TOKEN = "a token of the tests"


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def public(request: pytest.FixtureRequest, store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A server for which this machine is a client like any other."""
    settings = {"DOQCHAT_LIMITS": f"ADDRESS_CONNECTIONS={SOCKETS}", "DOQCHAT_METRICS_TOKEN": TOKEN}
    with web(request.param, FORWARDED_ALLOW_IPS="192.0.2.1", **settings) as public:
        yield public


def connected(stack: ExitStack, web: Web, source: str) -> Peer:
    """A connection from an address of this machine."""
    peer = stack.enter_context(Peer(web.address))
    if source != "127.0.0.1":
        peer.socket.close()
        peer.socket = socket.create_connection(tuple(web.address.split(":")), timeout=15, source_address=(source, 0))
    return peer


@pytest.mark.slow
def test_a_peer_has_so_many_connections_whatever_it_does_with_them(public: Web) -> None:
    with ExitStack() as stack:
        silent = [connected(stack, public, "127.0.0.2") for _ in range(CONNECTIONS)]
        for peer in silent:
            peer.send(b"GET /healthz HTTP/1.1\r\n")  # an unfinished head
        refused = connected(stack, public, "127.0.0.2")
        status, body = refused.response()
        assert (status, b"rate_limited" in body) == (429, True)
        assert refused.rest() == b""
        assert fetch(public, "/healthz").status == 200  # from 127.0.0.1
        silent[0].send(f"Host: {public.address}\r\nConnection: close\r\n\r\n".encode())
        assert silent[0].response()[0] == 200
        silent[0].rest()
        silent[0].socket.close()
        again = connected(stack, public, "127.0.0.2")
        again.send(f"GET /healthz HTTP/1.1\r\nHost: {public.address}\r\n\r\n".encode())
        assert again.response()[0] == 200


async def test_sockets_that_were_closed_do_not_count(public: Web, connect: Connect, sid: str) -> None:
    for _ in range(2 * CONNECTIONS):
        client = await connect(public, sid, v1=True)
        await client.recv_event("session.welcome")
        await client.close()


async def test_a_peer_with_too_many_sockets_gets_the_error_and_the_close_code(
    public: Web, connect: Connect, sid: str
) -> None:
    for _ in range(SOCKETS):
        await (await connect(public, sid, v1=True)).recv_event("session.welcome")
    refused = await connect(public, sid, v1=True)
    assert (await refused.recv())["bd"]["code"] == "rate_limited"
    assert await refused.close_code() == 4429


@pytest.mark.parametrize(
    ("most", "proxies", "peer"),
    [(None, [], "192.0.2.1"), (1, ["192.0.2.0/24"], "192.0.2.1"), (1, ["*"], "192.0.2.1"), (1, [], "")],
    ids=["no limit", "a trusted proxy", "all are trusted", "a Unix socket"],
)
def test_proxies_are_not_counted(most: int | None, proxies: list[str], peer: str) -> None:
    peers = Peers(most, proxies)
    assert {peers.connected(peer) for _ in range(5)} == {None}
    peers.disconnected(peer)


def test_a_peer_that_is_refused_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    peers = Peers(1, ["127.0.0.1"])
    assert [peers.connected("::ffff:192.0.2.1") for _ in range(4)] == [None, REFUSED_SECONDS, 0.0, 0.0]
    (line,) = caplog.messages
    assert line.startswith("Connections from 192.0.2.1 are refused: it has more than 1.")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X-Forwarded-For": "192.0.2.7"}, 403),
        ({"X-Forwarded-For": "192.0.2.7", "Authorization": "Bearer a token of the tests."}, 403),
        ({"X-Forwarded-For": "192.0.2.7", "Authorization": "Bearer 한국어"}, 403),
        ({"X-Forwarded-For": "192.0.2.7", "Authorization": f"Bearer {TOKEN}"}, 200),
    ],
    ids=["this machine", "no token", "another token", "not ASCII", "the token"],
)
def test_the_metrics_are_for_this_machine_and_holders_of_the_token(
    metrics_site: Web, headers: dict[str, str], status: int
) -> None:
    encoded = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    answer = fetch(metrics_site, "/metrics", headers=encoded)
    assert answer.status == status
    assert ("doqchat_tokens_today" in answer.text) == (status == 200)
    assert TOKEN not in answer.text


@pytest.fixture(scope="module")
def metrics_site(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A server behind a proxy on this machine."""
    with web(DOQCHAT_METRICS_TOKEN=TOKEN) as site:
        yield site
