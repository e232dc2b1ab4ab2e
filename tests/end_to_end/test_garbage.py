"""Connections on uvicorn are freed without the garbage collector, however they end."""

import json
import socket
import struct
import urllib.request
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests import processes
from tests.client import WITHIN
from tests.processes import Web
from tests.serving.peer import CLOSE, PING, TEXT, UPGRADE, frame

CONNECTIONS = 20
PING_EVENT = b'{"hd":{"event":"ping"}}'
SOCKET = f"GET /v1/session/chat?sid=garbage HTTP/1.1\r\n{UPGRADE}\r\n".encode()
REFUSED = f"GET /v1/session/chat HTTP/1.1\r\n{UPGRADE}\r\n".encode()
HTTP = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
POST = b"POST /api/chat/sessions/x/messages HTTP/1.1\r\nHost: localhost\r\n%s\r\n"

SENT: dict[str, list[bytes]] = {
    "nothing": [],
    "half a head": [b"GET / HT"],
    "no HTTP": [b"\x16\x03\x01\r\n\r\n"],
    "a request": [HTTP % b"Connection: close\r\n"],
    "a request, kept alive": [HTTP % b""],
    "two requests": [HTTP % b"" + HTTP % b"Connection: close\r\n"],
    "a head that is too long": [HTTP[:-4] + b"X: " + b"a" * 20_000],
    "a body that is too large": [POST % b"Content-Length: 100000\r\n"],
    "half a body": [POST % b"Content-Length: 100\r\n" + b"{"],
    "a handshake without a key": [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    ],
    "a handshake with a bad key": [SOCKET.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"!!")],
    "a socket without a session": [REFUSED],
    "a socket": [SOCKET],
    "a socket that is closed": [SOCKET, frame(TEXT, PING_EVENT) + frame(CLOSE, b"\x03\xe8")],
    "a ping": [SOCKET, frame(PING, b"x")],
    "no UTF-8": [SOCKET, frame(TEXT, b"\xff") + frame(PING)],
    "an opcode that is not there": [SOCKET, frame(0x3)],
    "half a frame": [SOCKET, frame(TEXT, PING_EVENT)[:-1]],
}


@pytest.fixture(scope="module")
def counting(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A web process that counts its garbage."""
    with processes.web("uvicorn", DJANGO_SETTINGS_MODULE="tests.end_to_end.counting_garbage") as web:
        yield web


def garbage(web: Web) -> dict[str, int]:
    """What a full collection finds now, by type."""
    with urllib.request.urlopen(f"{web.http}/garbage", timeout=WITHIN) as response:
        counts: dict[str, int] = json.load(response)
    return counts


def connect(web: Web, sent: list[bytes], *, reset: bool) -> None:
    """A connection that sends this, piece by piece as it is answered, and goes."""
    host, _, port = web.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=WITHIN) as peer:
        for piece in sent:
            peer.sendall(piece)
            if piece not in (b"GET / HT", SENT["half a body"][0], SENT["half a frame"][-1]):
                peer.recv(65536)
        if reset:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            peer.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                while peer.recv(65536):
                    pass


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("name", SENT)
def test_a_connection_leaves_nothing_to_the_garbage_collector(counting: Web, name: str, reset: bool) -> None:
    connect(counting, SENT[name], reset=reset)  # what is imported or made once
    garbage(counting)
    for _ in range(CONNECTIONS):
        connect(counting, SENT[name], reset=reset)
    assert sum(garbage(counting).values()) < CONNECTIONS
