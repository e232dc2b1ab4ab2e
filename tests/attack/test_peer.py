"""How the attackers read what the server answers; a wrong reading would put a wrong word into the table."""

import struct

import pytest

from tests.attack.attacks.peer import Peer, close_code
from tests.attack.attacks.wire import BINARY, CONTINUATION, PING, TEXT, frame

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


def _close(code: int, reason: bytes = b"") -> bytes:
    payload = struct.pack(">H", code) + reason
    return bytes([0x88, len(payload)]) + payload


@pytest.mark.parametrize("reason", [b"", b"come back", "Ĉ Ĉ".encode(), 100 * b"a"])
def test_the_code_of_the_close_frame_at_the_end_is_found(reason: bytes) -> None:
    assert close_code(b"\x81\x02{}" + _close(4429, reason)) == 4429


@pytest.mark.parametrize(
    "tail", [b"", b"\x88", b"\x88\x02\x03", b"\x81\x02{}", b"\x81\x04\x88\x02ab", _close(1009)[:-1]]
)
def test_a_malformed_close_frame_has_no_code(tail: bytes) -> None:
    assert close_code(tail) is None


@pytest.mark.parametrize(
    ("said", "over", "answer"),
    [
        (b"", False, "no answer"),
        (b"", True, "connection ended"),
        (b"HTTP/1.1 431 Request Header Fields Too Large\r\n\r\n", True, "431"),
        (SWITCHED, False, "open"),
        (SWITCHED, True, "connection ended"),
        (SWITCHED + b"\x81\x02{}" + _close(1007), False, "closed 1007"),
        (SWITCHED + b"\x82\x7e\x03\xe8" + bytes(1000) + _close(1012), True, "closed 1012"),
    ],
)
async def test_an_answer_is_a_status_a_close_code_or_how_the_connection_is(
    said: bytes, over: bool, answer: str
) -> None:
    peer = Peer()
    for place in range(0, len(said), 100):
        peer.data_received(said[place : place + 100])
    if over:
        peer.connection_lost(None)
    assert peer.answer == answer


@pytest.mark.parametrize("opcode", [TEXT, BINARY, CONTINUATION, PING])
@pytest.mark.parametrize(
    ("length", "size"), [(0, 6), (1, 7), (125, 131), (126, 134), (65_535, 65_543), (65_536, 65_550)]
)
def test_a_frame_has_a_length_a_mask_and_its_payload(opcode: int, length: int, size: int) -> None:
    data = frame(length * b"a", opcode)
    assert (data[0], data[1] & 0x80, len(data)) == (0x80 | opcode, 0x80, size)
    assert data.endswith(bytes(4) + length * b"a")
