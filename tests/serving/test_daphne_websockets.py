"""A WebSocket peer that breaks the protocol, or uses it up, harms nobody else and leaves nothing behind: on daphne."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.serving.hostile import Attacked, attacked
from tests.serving.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Peer, close, frame, handshake, header

VIOLATIONS = {
    "text that is not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "text that ends within a character": (frame(TEXT, "가".encode()[:2]), 1007),
    "a second fragment that is not UTF-8": (frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"\xff"), 1007),
    "a close reason that is not UTF-8": (frame(CLOSE, close(1000, b"\xff")), 1007),
    "a message of more than 1 MiB": (header(TEXT, 2**20 + 1), 1009),
    "a message of 2**63 bytes": (header(BINARY, 2**63 - 1), 1009),
    "fragments of more than 1 MiB": (
        frame(TEXT, bytes(2**19), fin=False) + frame(CONTINUATION, bytes(2**19), fin=False) + header(CONTINUATION, 1),
        1009,
    ),
    "an unknown opcode": (frame(0x3), 1002),
    "an unknown control opcode": (frame(0xB), 1002),
    "a reserved bit": (frame(TEXT, b"a", reserved=4), 1002),
    "all reserved bits of a ping": (frame(PING, b"a", reserved=7), 1002),
    "a frame without a mask": (frame(TEXT, b"a", masked=False), 1002),
    "a fragmented ping": (frame(PING, b"a", fin=False), 1002),
    "a ping of 126 bytes": (frame(PING, bytes(126)), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"a"), 1002),
    "a message within a message": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "a length in more bytes than needed": (b"\x81\xfe\x00\x01\x01\x02\x03\x04a", 1002),
    "close code 0": (frame(CLOSE, close(0)), 1002),
    "close code 1005": (frame(CLOSE, close(1005)), 1002),
    "close code 5000": (frame(CLOSE, close(5000)), 1002),
    "half a close code": (frame(CLOSE, b"\x03"), 1002),
    "endless empty fragments": (frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 3_000, 1008),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Attacked]:
    with attacked("daphne") as server:
        yield server


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_closes_with_its_code_and_nothing_is_written_after_that(server: Attacked, name: str) -> None:
    violation, code = VIOLATIONS[name]
    with server.peer().upgrade() as other, server.peer().upgrade() as peer:
        other.echo("before")
        peer.send(frame(PING, b"1") + frame(PING, b"2") + violation + frame(PING, b"3") + frame(TEXT, b"4"))
        assert peer.frame() == (PONG, b"1")
        assert peer.frame() == (PONG, b"2")
        assert peer.closed_with() == code
        other.echo("after")
        assert server.state()["serving"] == ["/echo"]
        other.send(frame(CLOSE, close(1000)))
        other.closed_with()
    server.forgets(peer, other)


def test_what_comes_after_the_close_frame_is_ignored(server: Attacked) -> None:
    with server.peer().upgrade() as peer:
        peer.send(frame(TEXT, b"\xff"))
        assert peer.frame()[0] == CLOSE
        peer.send_while_taken(frame(TEXT, b"a") + frame(PING, b"b") + frame(TEXT, b"\xff"), at_most=100_000)
        assert peer.rest() == b""
        server.forgets(peer)


def test_a_peer_that_keeps_sending_after_a_violation_is_aborted(server: Attacked) -> None:
    with server.peer().upgrade() as peer:
        peer.send(frame(0x3))
        assert peer.closed_with() == 1002
        server.forgets(peer)


def test_a_peer_that_closes_is_answered(server: Attacked) -> None:
    with server.peer().upgrade() as peer:
        peer.send(frame(TEXT, b"1") + frame(CLOSE, close(4000)) + frame(TEXT, b"2"))
        assert peer.frame() == (TEXT, b"1")
        assert peer.closed_with() in (1000, 4000)


@pytest.mark.parametrize("ending", [frame(CLOSE, close(1000)), frame(0x3), frame(TEXT, b"\xff")])
def test_a_peer_that_does_not_read_its_close_frame_is_cut_off(server: Attacked, ending: bytes) -> None:
    with server.peer(receive_buffer=4096).upgrade("/flood") as peer:
        peer.send(ending)
        server.forgets(peer)


@pytest.mark.slow
def test_a_peer_that_does_not_read_its_pongs_costs_little_and_is_cut_off(server: Attacked) -> None:
    with server.peer(receive_buffer=4096).upgrade() as peer:
        before = server.memory()
        peer.send_while_taken(frame(PING, bytes(125)) * 500, at_most=64 * 2**20)
        assert server.memory() - before < 4
        server.forgets(peer)


@pytest.mark.slow
def test_a_peer_that_reads_its_pongs_late_gets_all_of_them(server: Attacked) -> None:
    ping = frame(PING, bytes(125))
    with server.peer(receive_buffer=4096).upgrade() as peer:
        sent = peer.send_while_taken(ping * 500, at_most=8 * 2**20, patience=0.2)
        for _ in range(sent // len(ping)):
            assert peer.frame() == (PONG, bytes(125))


def test_a_message_in_many_fragments_is_one_message(server: Attacked) -> None:
    with server.peer().upgrade() as peer:
        peer.send(frame(TEXT, b"a", fin=False))
        for _ in range(500):
            peer.send(frame(CONTINUATION, b"b", fin=False) + frame(PING, b"c"))
        peer.send(frame(CONTINUATION))
        for _ in range(500):
            assert peer.frame() == (PONG, b"c")
        assert peer.frame() == (TEXT, b"a" + b"b" * 500)


UNFINISHED = {
    "a frame's first byte": b"\x81",
    "a frame's head": header(TEXT, 10),
    "half a frame": frame(TEXT, b"0123456789")[:-1],
    "half a ping": frame(PING, b"0123456789")[:-1],
    "a first fragment": frame(TEXT, b"a", fin=False),
}


@pytest.mark.slow
def test_a_message_that_is_not_finished_in_time_closes_the_connection(server: Attacked) -> None:
    with ExitStack() as stack:
        peers = {name: stack.enter_context(server.peer().upgrade()) for name in UNFINISHED}
        for name, peer in peers.items():
            peer.send(UNFINISHED[name])
        assert {name: peer.closed_with() for name, peer in peers.items()} == dict.fromkeys(UNFINISHED, 1008)
    server.forgets(*peers.values())


@pytest.mark.slow
def test_a_message_that_comes_byte_by_byte_has_no_more_time(server: Attacked) -> None:
    with server.peer().upgrade() as peer:
        peer.socket.settimeout(0.1)
        received = b""
        for byte in frame(TEXT, bytes(1000)):
            peer.send(bytes([byte]))
            try:
                received += peer.socket.recv(4)
            except TimeoutError:
                continue
            break
        assert received[0] == 0x80 | CLOSE
        assert int.from_bytes(received[2:4], "big") == 1008


@pytest.mark.slow
def test_messages_that_come_one_after_the_other_have_time(server: Attacked) -> None:
    message = frame(TEXT, b"ab")
    with server.peer().upgrade() as peer:
        peer.send(message[:3])
        for _ in range(16):
            time.sleep(0.25)  # the deadline is 3 s: this is what is tested
            peer.send(message[3:] + message[:3])
            assert peer.frame() == (TEXT, b"ab")


def test_unfinished_messages_cost_little(server: Attacked) -> None:
    unfinished = frame(TEXT, b"a" * (2**20 - 1), fin=False)
    with ExitStack() as stack:
        peers = [stack.enter_context(server.peer().upgrade()) for _ in range(40)]
        before = server.memory()
        for peer in peers:
            peer.send(unfinished + frame(PING))
            assert peer.frame()[0] == PONG
        assert server.memory() - before < 40 / 4
    server.forgets(*peers)


def at_the_same_time(server: Attacked, *saying: tuple[Peer, bytes]) -> None:
    """Send all of this while the process does nothing, in this order."""
    server.web.process.send_signal(signal.SIGSTOP)
    for peer, data in saying:
        peer.send(data)
    server.web.process.send_signal(signal.SIGCONT)


def test_many_small_messages_at_once_do_not_delay_others(server: Attacked) -> None:
    count = 5_000
    with server.peer().upgrade("/order/many") as many, server.peer().upgrade("/order/one") as one:
        at_the_same_time(server, (many, frame(TEXT, b"a") * count), (one, frame(TEXT, b"b")))
        assert one.frame() == (TEXT, b"b")
        for _ in range(count):
            assert many.frame() == (TEXT, b"a")
        assert server.state()["received"].index("/order/one") < count / 10


@pytest.mark.parametrize("filler", [frame(PING), frame(PONG, b"x"), frame(TEXT, fin=False) + frame(CONTINUATION)])
def test_many_small_frames_at_once_do_not_delay_others(server: Attacked, filler: bytes) -> None:
    with server.peer().upgrade("/order/filler") as many, server.peer().upgrade("/order/single") as one:
        at_the_same_time(server, (many, filler * 4_000 + frame(TEXT, b"end")), (one, frame(TEXT, b"b")))
        assert one.frame() == (TEXT, b"b")
        while many.frame() != (TEXT, b"end"):
            pass
        order = [path for path in server.state()["received"] if path in ("/order/filler", "/order/single")]
        assert order.index("/order/single") <= len(order) / 10


def test_messages_sent_together_keep_their_order_up_to_the_violation(server: Attacked) -> None:
    with server.peer().upgrade() as peer:
        peer.send(b"".join(frame(TEXT, str(number).encode()) for number in range(300)) + frame(TEXT, b"\xff"))
        for number in range(300):
            assert peer.frame() == (TEXT, str(number).encode())
        assert peer.closed_with() == 1007


def test_frames_that_come_with_the_handshake_are_taken(server: Attacked) -> None:
    with server.peer() as peer:
        peer.upgrade("/echo", then=frame(TEXT, b"a") + frame(TEXT, b"b"))
        assert peer.frame() == (TEXT, b"a")
        assert peer.frame() == (TEXT, b"b")


def test_frames_that_come_before_the_application_has_accepted_are_taken(server: Attacked) -> None:
    with server.peer() as peer:
        peer.send(handshake(server.address, "/late"))
        time.sleep(0.1)  # the application takes its time: this is what is tested
        peer.send(frame(TEXT, b"a"))
        assert b" 101 " in peer.read_until(b"\r\n\r\n")
        assert peer.frame() == (TEXT, b"a")


def test_a_second_handshake_before_the_first_is_answered_is_a_violation(server: Attacked) -> None:
    with server.peer() as peer:
        peer.upgrade("/late", then=handshake(server.address, "/late"))
        assert peer.closed_with() == 1002
    server.forgets(peer)


def test_a_long_handshake_is_answered(server: Attacked) -> None:
    with server.peer() as peer:
        peer.upgrade("/echo?" + "a" * 9_000)
    with server.peer() as peer:
        peer.upgrade("/echo", "Cookie: " + "a" * 9_000)


BAD_HANDSHAKES = {
    "no key": lambda request: request.replace(b"Sec-WebSocket-Key", b"X"),
    "a bad key": lambda request: request.replace(b"AAAA", b"A"),
    "no version": lambda request: request.replace(b"Sec-WebSocket-Version", b"X"),
    "another version": lambda request: request.replace(b"13", b"99"),
    "no number for a version": lambda request: request.replace(b"13", b"a"),
    "no connection header": lambda request: request.replace(b"Connection", b"X"),
    "no host": lambda request: request.replace(b"Host", b"X"),
    "a port that is none": lambda request: request.replace(b"Host: ", b"Host: x:y:"),
    "POST": lambda request: request.replace(b"GET", b"POST"),
    "HTTP/1.0": lambda request: request.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a fragment in the URL": lambda request: request.replace(b"/echo", b"/echo#a"),
    "a subprotocol that is not ASCII": lambda request: request[:-2] + b"Sec-WebSocket-Protocol: \xff\r\n\r\n",
    "a subprotocol twice": lambda request: request[:-2] + b"Sec-WebSocket-Protocol: a, a\r\n\r\n",
    "bad extensions": lambda request: request[:-2] + b"Sec-WebSocket-Extensions: ;=;,\r\n\r\n",
    "an origin that is none": lambda request: request[:-2] + b"Origin: http://[\r\n\r\n",
    "a root path that is not ASCII": lambda request: request[:-2] + b"Daphne-Root-Path: \xff\r\n\r\n",
    "a header that is not ASCII": lambda request: request[:-2] + b"X: \xff\x85\xa0\r\n\r\n",
    "a subprotocol spelled otherwise": lambda request: request[:-2] + b"Sec-WebSocket-Protocol: a%2Eb\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_HANDSHAKES)
def test_a_bad_handshake_is_answered_and_leaves_nothing_behind(server: Attacked, name: str) -> None:
    with server.peer() as peer:
        peer.send(BAD_HANDSHAKES[name](handshake(server.address)))
        assert peer.read_until(b"\r\n").split()[1] in (b"101", b"400", b"405", b"426", b"500", b"505")
    server.forgets(peer)
