"""WebSockets on uvicorn whose peers break the protocol, or leave a message unfinished."""

import asyncio

import pytest

from doqchat.serving.connection_limits import FRAGMENTS, FRAME_BYTES, KEPT_BYTES
from tests.processes import Web
from tests.serving.peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, UPGRADE, frame, peer

BREACHES = {
    "a text that is not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "a text that is not UTF-8 in fragments": (frame(TEXT, b"\xff", fin=False) + frame(CONTINUATION, b"a"), 1007),
    "a frame of more than 1 MiB": (b"\x81\xff" + (FRAME_BYTES + 1).to_bytes(8, "big") + bytes(4), 1009),
    "fragments of more than 1 MiB": (
        frame(BINARY, bytes(400_000), fin=False) + frame(CONTINUATION, bytes(400_000), fin=False) * 3,
        1009,
    ),
    "too many fragments": (frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * FRAGMENTS, 1008),
    "an opcode that is not there": (frame(0x3), 1002),
    "a control opcode that is not there": (frame(0xB), 1002),
    "reserved bits": (frame(TEXT, reserved=0x40), 1002),
    "an unmasked frame": (frame(TEXT, b"a", masked=False), 1002),
    "a fragmented ping": (frame(PING, fin=False), 1002),
    "a ping of 126 bytes": (frame(PING, bytes(126)), 1002),
    "a continuation of nothing": (frame(CONTINUATION), 1002),
    "a text within a text": (frame(TEXT, fin=False) + frame(TEXT), 1002),
    "a close code that is not there": (frame(CLOSE, b"\x03\xed"), 1002),
    "half a close code": (frame(CLOSE, b"\x03"), 1002),
    "a reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "a close within a text": (frame(TEXT, fin=False) + frame(CLOSE, b"\x03\xe8"), 1002),
}
UNFINISHED = {
    "half a head": b"\x81",
    "a head without a mask": b"\x81\x85",
    "half a frame": frame(TEXT, b"hello")[:-1],
    "half a frame that is too large": frame(TEXT, bytes(200_000))[:-1],
    "half a ping": frame(PING, b"hello")[:-1],
    "half a message": frame(TEXT, b"hello", fin=False),
    "half a message and pings": frame(TEXT, b"hello", fin=False) + frame(PING) * 10,
}


def codes(frames: list[tuple[int, bytes]]) -> list[int]:
    """The codes of the close frames among these."""
    return [int.from_bytes(payload[:2], "big") for opcode, payload in frames if opcode == CLOSE]


@pytest.mark.parametrize("name", BREACHES)
async def test_a_breach_of_the_protocol_ends_its_connection_alone(hurried: Web, name: str) -> None:
    breach, code = BREACHES[name]
    ping = frame(PING, b"before")
    printed = len(hurried.process.output)
    async with peer(hurried) as client, peer(hurried) as other:
        await client.open()
        await other.open()
        await client.send(ping * 2 + frame(TEXT, b"before") + breach + ping * 5)
        frames = await client.frames()
        assert codes(frames) == [code]
        assert frames[-1][0] == CLOSE
        assert [frame for frame in frames if frame[0] == PONG][:2] == [(PONG, b"before")] * 2
        await other.send(frame(TEXT, b"still here"))
        assert await other.frame() == (TEXT, b"still here")
    assert hurried.process.output[printed:] == ""


@pytest.mark.parametrize("behind", [frame(PING), frame(TEXT, b"a"), frame(CLOSE), b"\xff" * 100])
async def test_nothing_is_written_after_a_close_frame(hurried: Web, behind: bytes) -> None:
    printed = len(hurried.process.output)
    async with peer(hurried) as client:
        await client.open()
        await client.send(frame(CLOSE, b"\x03\xe8") + behind * 100)
        assert await client.frames() == [(CLOSE, b"\x03\xe8")]
    assert hurried.process.output[printed:] == ""


async def test_data_after_a_protocol_violation_is_ignored(hurried: Web) -> None:
    async with peer(hurried) as client:
        await client.open()
        await client.send(frame(TEXT, b"\xff") + frame(TEXT, b"behind") * 500)
        assert [opcode for opcode, _ in await client.frames()] == [CLOSE]


async def test_a_message_before_a_breach_reaches_the_application(hurried: Web) -> None:
    async with peer(hurried) as client:
        await client.open("/heard")
        await client.send(frame(TEXT, b"before") + frame(0x3))
        await client.frames()
    async with peer(hurried) as other:
        await other.open("/heard")
        await other.send(frame(TEXT, b"what"))
        assert await other.frame() == (TEXT, b"before")


async def test_a_message_that_is_not_complete_in_time_closes_with_1008(hurried: Web) -> None:
    async def received_after(unfinished: bytes) -> list[int]:
        async with peer(hurried) as client:
            await client.open()
            await client.send(unfinished)
            return codes(await client.frames())

    received = await asyncio.gather(*map(received_after, UNFINISHED.values()))
    assert dict(zip(UNFINISHED, received, strict=True)) == {name: [1008] for name in UNFINISHED}


async def test_a_message_that_comes_a_byte_at_a_time_closes_with_1008(hurried: Web) -> None:
    async def trickle() -> None:
        for byte in frame(TEXT, b"x" * 100):
            await client.send(bytes([byte]))
            await asyncio.sleep(0.05)

    async with peer(hurried) as client:
        await client.open()
        trickling = asyncio.create_task(trickle())
        assert codes(await client.frames()) == [1008]
        trickling.cancel()
        await asyncio.wait([trickling])


@pytest.mark.parametrize("size", [KEPT_BYTES - 1, KEPT_BYTES, KEPT_BYTES + 1, FRAME_BYTES])
async def test_a_message_is_kept_as_far_as_the_protocol_has_use_for_it(hurried: Web, size: int) -> None:
    text = b"x" * size
    async with peer(hurried) as client:
        await client.open()
        for whole in (frame(TEXT, text), frame(TEXT, text[:9], fin=False) + frame(CONTINUATION, text[9:])):
            await client.send(whole + frame(TEXT, b"next"))
            assert await client.frame() == (TEXT, text[:KEPT_BYTES])
            assert await client.frame() == (TEXT, b"next")


async def test_many_small_frames_in_one_write_stay_in_order(hurried: Web) -> None:
    numbers = [str(number).encode() for number in range(5_000)]
    async with peer(hurried) as client:
        await client.open()
        sending = asyncio.create_task(client.send(b"".join(frame(PING, n) + frame(TEXT, n) for n in numbers)))
        frames = [await client.frame()]
        while frames[-1] != (TEXT, numbers[-1]):
            frames.append(await client.frame())
        await sending
    assert [payload for opcode, payload in frames if opcode == TEXT] == numbers
    assert [payload for opcode, payload in frames if opcode == PONG] == numbers


async def test_frames_sent_with_the_handshake_wait_for_its_answer(hurried: Web) -> None:
    async with peer(hurried) as client:
        await client.send(
            b"GET /echo HTTP/1.1\r\n" + UPGRADE.encode() + b"\r\n" + frame(PING, b"early") + frame(TEXT, b"early")
        )
        assert await client.status() == 101
        assert await client.frame() == (PONG, b"early")
        assert await client.frame() == (TEXT, b"early")


@pytest.mark.slow
async def test_a_peer_that_pings_and_does_not_read_is_cut_off(hurried: Web) -> None:
    async def pings() -> None:
        while True:
            await client.send(frame(PING, b"x" * 125) * 1_000)

    async with peer(hurried, limit=1024) as client:
        await client.open()
        with pytest.raises(ConnectionError):
            await pings()
