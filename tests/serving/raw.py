"""Clients that say what they are told to, byte by byte, whether it is allowed or not."""

import json
import os
import socket
import struct
from contextlib import suppress
from typing import Any, Self

WITHIN = 15.0
MASK = b"\x01\x02\x03\x04"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """A frame as a client sends it."""
    return header(opcode, len(payload), fin=fin, reserved=reserved, masked=masked) + (
        _mask(payload) if masked else payload
    )


def _mask(payload: bytes) -> bytes:
    size = len(payload)
    mask = (MASK * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


def header(opcode: int, length: int, *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """The head of such a frame, its mask included."""
    first, bit = (0x80 if fin else 0) | reserved << 4 | opcode, 0x80 if masked else 0
    if length < 126:
        head = struct.pack("!BB", first, bit | length)
    elif length < 65536:
        head = struct.pack("!BBH", first, bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, bit | 127, length)
    return head + (MASK if masked else b"")


def close(code: int, reason: bytes = b"") -> bytes:
    """The payload of a close frame."""
    return struct.pack("!H", code) + reason


class Peer:
    """One TCP connection. Every wait for the server is bounded."""

    def __init__(self, address: str, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(WITHIN)
        host, _, port = address.partition(":")
        self.socket.connect((host, int(port)))
        self.port: int = self.socket.getsockname()[1]
        self.address = address
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_while_taken(self, data: bytes, at_most: int, patience: float = 1.0) -> int:
        """Send this again and again until the server takes no more for a while, or hangs up; bytes sent."""
        sent = 0
        self.socket.settimeout(patience)
        with suppress(TimeoutError, ConnectionError):
            while sent < at_most:
                sent += self.socket.send(data[sent % len(data) :])
        self.socket.settimeout(WITHIN)
        return sent

    def read(self, length: int) -> bytes:
        """So many bytes. Raises EOFError when the server hangs up before."""
        while len(self._received) < length:
            self._more()
        data, self._received = self._received[:length], self._received[length:]
        return data

    def read_until(self, end: bytes) -> bytes:
        """All up to these bytes, and them."""
        while end not in self._received:
            self._more()
        return self.read(self._received.index(end) + len(end))

    def rest(self) -> bytes:
        """All that comes until the server closes its side; a connection that was reset has none left."""
        with suppress(EOFError):
            while True:
                self._more()
        return self.read(len(self._received))

    def _more(self) -> None:
        data = b""
        with suppress(ConnectionError):
            data = self.socket.recv(65536)
        if not data:
            raise EOFError("The server has hung up.")
        self._received += data

    # HTTP

    def get(self, path: str = "/") -> dict[str, Any]:
        """What the application answers."""
        self.send(f"GET {path} HTTP/1.1\r\nHost: {self.address}\r\n\r\n".encode())
        status, body = self.response()
        assert status == 200
        answer: dict[str, Any] = json.loads(body)
        return answer

    def response(self) -> tuple[int, bytes]:
        """The status and the body of the next response."""
        head = self.read_until(b"\r\n\r\n").decode()
        lines = [line.partition(":") for line in head.lower().split("\r\n")]
        lengths = [int(value) for name, _, value in lines if name == "content-length"]
        return int(head.split()[1]), self.read(lengths[0]) if lengths else b""

    def refusal(self) -> tuple[int, str]:
        """The status and the error code of a response after which the server hangs up."""
        status, body = self.response()
        assert self.rest() == b""
        error = json.loads(body)["error"]
        assert error["message"].endswith(".")
        return status, error["code"]

    # WebSocket

    def upgrade(self, path: str = "/echo", *headers: str, then: bytes = b"") -> Self:
        """Open a WebSocket; `then` is sent together with the request for it."""
        self.send(handshake(self.address, path, *headers) + then)
        assert b" 101 " in self.read_until(b"\r\n\r\n")
        return self

    def frame(self) -> tuple[int, bytes]:
        """The opcode and the payload of the next frame."""
        first, length = self.read(2)
        if length > 125:
            length = int.from_bytes(self.read(2 if length == 126 else 8), "big")
        return first & 0xF, self.read(length)

    def closed_with(self) -> int:
        """The code of the close frame that comes next, after which the server writes nothing and hangs up."""
        opcode, payload = self.frame()
        assert opcode == CLOSE
        assert self.rest() == b""
        return int.from_bytes(payload[:2], "big")

    def echo(self, text: str) -> None:
        """Say something and hear it."""
        self.send(frame(TEXT, text.encode()))
        assert self.frame() == (TEXT, text.encode())


def handshake(address: str, path: str = "/echo", *headers: str) -> bytes:
    """The request for a WebSocket."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {address}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def temporary_files(pid: int) -> list[str]:
    """The files that a process has open though they are deleted."""
    found = []
    for descriptor in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
        with suppress(OSError):
            found.append(os.readlink(f"/proc/{pid}/fd/{descriptor}"))  # noqa: PTH115
    return [file for file in found if file.endswith("(deleted)")]
