"""An HTTP peer that sends too much, too slowly, or does not read, is refused and let go: on daphne."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection

import pytest

from doqchat.serving.connection_limits import ADMIN_BODY_BYTES, BODY_BYTES, HEAD_BYTES
from tests.serving.hostile import Attacked, attacked
from tests.serving.observed import LARGE
from tests.serving.raw import Peer, temporary_files

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Attacked]:
    with attacked("daphne") as server:
        yield server


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def post(length: int, path: str = "/", *headers: str) -> bytes:
    """The head of a request with a body of this length."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def head_of(length: int) -> bytes:
    """A head of this many bytes."""
    return GET + b"X: " + b"a" * (length - len(GET) - len("X: \r\n\r\n")) + b"\r\n\r\n"


def length_seen(peer: Peer) -> int:
    """How long a body the application got."""
    status, body = peer.response()
    assert status == 200
    return int(json.loads(body)["length"])


LARGE_HEADS = {
    "a first line without end": b"GET /" + b"a" * HEAD_BYTES * 2,
    "a method without end": b"G" * HEAD_BYTES * 2,
    "a header without end": GET + b"X: " + b"a" * HEAD_BYTES * 2,
    "a header's name without end": GET + b"x" * HEAD_BYTES * 2,
    "a header that is continued without end": GET + b"X: a\r\n" + b" a\r\n" * HEAD_BYTES,
    "headers without end": GET + b"X: a\r\n" * HEAD_BYTES,
    "long headers without end": GET + (b"X: " + b"a" * 4_000 + b"\r\n") * 10,
    "more than 500 headers": GET + b"X: a\r\n" * 501 + b"\r\n",
    "one byte too much": head_of(HEAD_BYTES + 1),
}


@pytest.mark.parametrize("name", LARGE_HEADS)
def test_a_head_that_is_too_large_is_refused(server: Attacked, name: str) -> None:
    with server.peer() as peer:
        peer.send(LARGE_HEADS[name])
        assert peer.refusal() == (431, "too_large")
    server.forgets(peer)


@pytest.mark.parametrize("name", LARGE_HEADS)
def test_a_head_that_becomes_too_large_is_refused(server: Attacked, name: str) -> None:
    with server.peer() as peer:
        peer.send(LARGE_HEADS[name][:100])
        with suppress(ConnectionError):
            for start in range(100, len(LARGE_HEADS[name]), 1_000):
                peer.send(LARGE_HEADS[name][start : start + 1_000])
        assert peer.refusal() == (431, "too_large")


def test_a_head_of_the_largest_size_is_taken_again_and_again(server: Attacked) -> None:
    with server.peer() as peer:
        for _ in range(3):
            peer.send(head_of(HEAD_BYTES))
            assert length_seen(peer) == 0
        peer.send(head_of(HEAD_BYTES + 1))
        assert peer.refusal() == (431, "too_large")


SLOW = {
    "nothing": b"",
    "half a first line": b"GET / HT",
    "half a head": GET,
    "half a body": post(10) + b"12345",
    "no body": post(10),
    "no chunk": CHUNKED,
    "half a chunk": CHUNKED + b"5\r\n12",
    "a chunk's size without end": CHUNKED + b"5;a",
    "no last chunk": CHUNKED + chunk(b"12345"),
    "no end of the trailers": CHUNKED + chunk(b"")[:-2] + b"X: a\r\n",
    "no body after 100-continue": post(10, "/", "Expect: 100-continue"),
}


def test_requests_that_are_not_complete_in_time_are_refused(server: Attacked) -> None:
    with ExitStack() as stack:
        peers = {name: stack.enter_context(server.peer()) for name in SLOW}
        for name, peer in peers.items():
            peer.send(SLOW[name])
        assert peers["no body after 100-continue"].read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        refusals = {name: peer.refusal() for name, peer in peers.items()}
        assert refusals == dict.fromkeys(SLOW, (408, "request_timeout"))
    server.forgets(*peers.values())


LITTLE_BY_LITTLE = [
    (b"GET /", b"a"),
    (GET + b"X: ", b"a"),
    (GET, b"X: a\r\n"),
    (post(1_000), b"a"),
    (CHUNKED, chunk(b"a")),
    (CHUNKED + b"1;", b"a"),
    (CHUNKED + b"0\r\n", b"X: a\r\n"),
]


def test_requests_that_come_little_by_little_have_no_more_time(server: Attacked) -> None:
    with ExitStack() as stack:
        waiting = {stack.enter_context(server.peer()): more for _, more in LITTLE_BY_LITTLE}
        for peer, (begin, _) in zip(waiting, LITTLE_BY_LITTLE, strict=True):
            peer.send(begin)
            peer.socket.settimeout(0.02)
        while waiting:
            for peer, more in list(waiting.items()):
                peer.send(more)
                with suppress(TimeoutError):
                    assert peer.socket.recv(65536).startswith(b"HTTP/1.1 408 ")
                    del waiting[peer]


def test_a_connection_that_is_not_used_again_is_closed_without_a_word(server: Attacked) -> None:
    with server.peer() as peer:
        peer.get()
        assert peer.rest() == b""
    server.forgets(peer)


def test_each_request_of_a_connection_has_its_own_time(server: Attacked) -> None:
    with server.peer() as peer:
        for _ in range(4):
            time.sleep(0.5)  # the deadline is 1 s: this is what is tested
            peer.get()


@pytest.mark.parametrize("path", ["/", "/api/chat/sessions/a/messages", "/administrator", "/admin", "/?/admin/"])
def test_a_body_may_have_64_kib(server: Attacked, path: str) -> None:
    with server.peer() as peer:
        peer.send(post(BODY_BYTES, path) + bytes(BODY_BYTES))
        assert length_seen(peer) == BODY_BYTES
        peer.send(post(BODY_BYTES + 1, path))  # refused before any of it is sent
        assert peer.refusal() == (413, "too_large")
    server.forgets(peer)


@pytest.mark.parametrize("path", ["/admin/", "/%61dmin/x/?a"])
def test_a_body_may_have_1_mib_in_the_admin(server: Attacked, path: str) -> None:
    with server.peer() as peer:
        peer.send(post(ADMIN_BODY_BYTES, path) + bytes(ADMIN_BODY_BYTES))
        assert length_seen(peer) == ADMIN_BODY_BYTES
        peer.send(post(ADMIN_BODY_BYTES + 1, path))
        assert peer.refusal() == (413, "too_large")


@pytest.mark.parametrize("pieces", [1, 2, 64, 1_024])
def test_a_body_in_chunks_may_have_64_kib(server: Attacked, pieces: int) -> None:
    piece = bytes(BODY_BYTES // pieces)
    with server.peer() as peer:
        peer.send(CHUNKED + chunk(piece) * pieces + chunk(b""))
        assert length_seen(peer) == BODY_BYTES
        peer.send(CHUNKED + chunk(piece) * pieces + chunk(b"a") + chunk(b""))
        assert peer.refusal() == (413, "too_large")


@pytest.mark.parametrize(
    "more",
    [chunk(bytes(60_000)), chunk(b"a"), b"1;" + b"a" * 1_000 + b"\r\nb\r\n", b"ffffffffff\r\n" + bytes(65536)],
    ids=["large chunks", "chunks of one byte", "extensions", "a chunk without end"],
)
def test_chunks_without_end_are_refused_and_not_kept(server: Attacked, more: bytes) -> None:
    with server.peer() as peer:
        before, files = server.memory(), temporary_files(server.web.process.pid)
        peer.send(CHUNKED)
        peer.send_while_taken(more, at_most=8 * 2**20)
        assert temporary_files(server.web.process.pid) == files
        assert server.memory() - before < 4
        assert peer.refusal() == (413, "too_large")
    server.forgets(peer)


@pytest.mark.parametrize("trailers", [b"X: a\r\n" * 20_000, b"X: " + b"a" * 120_000])
def test_trailers_without_end_are_refused(server: Attacked, trailers: bytes) -> None:
    with server.peer() as peer:
        peer.send(CHUNKED + b"0\r\n" + trailers)
        assert peer.refusal()[0] in (400, 413)


def test_a_body_that_is_too_large_is_not_asked_for(server: Attacked) -> None:
    with server.peer() as peer:
        peer.send(post(BODY_BYTES + 1, "/", "Expect: 100-continue"))
        assert peer.refusal() == (413, "too_large")


def test_a_body_that_is_sent_in_spite_of_the_refusal_does_not_cost_the_peer_its_answer(server: Attacked) -> None:
    host, _, port = server.address.partition(":")
    connection = HTTPConnection(host, int(port))
    with suppress(ConnectionError):
        connection.request("POST", "/", body=bytes(2**21))
    assert connection.getresponse().status == 413
    connection.close()


BAD = {
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\r\n\r\n",
    "a frame": b"\x81\x00\r\n\r\n",
    "empty lines": b"\r\n\r\n\r\n",
    "one word": b"GET\r\n\r\n",
    "an unknown version": b"GET / HTTP/3.0\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "a method that is none": b"G\xffT / HTTP/1.1\r\n\r\n",
    "a path that is not ASCII": "GET /가 HTTP/1.1\r\n\r\n".encode(),
    "a path of other bytes": b"GET /\x90 HTTP/1.1\r\n\r\n",
    "a query of other bytes": b"GET /?\x90 HTTP/1.1\r\n\r\n",
    "a header without a colon": GET + b"X\r\n\r\n",
    "a header name that is none": GET + b"X\xff: a\r\n\r\n",
    "a header name with a space": GET + b"X : a\r\n\r\n",
    "a header value with NUL": GET + b"X: \0\r\n\r\n",
    "a header value with a control character": GET + b"X: \x0b\r\n\r\n",
    "a first header that is a continuation": b"GET / HTTP/1.1\r\n a\r\n\r\n",
    "a length that is none": POST + b"Content-Length: a\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length of 5,000 digits": POST + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "a length and chunks": POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
    "an unknown coding": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "a chunk's size that is none": CHUNKED + b"x\r\n",
    "a negative chunk's size": CHUNKED + b"-1\r\n",
    "a chunk longer than its size": CHUNKED + b"1\r\nabc",
    "a chunk's size of 2,000 digits": CHUNKED + b"0" * 2_000 + b"1\r\n",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_answered_and_leaves_nothing_behind(server: Attacked, name: str) -> None:
    with server.peer() as peer:
        peer.send(BAD[name])
        assert peer.refusal() == (400, "invalid_message")
    server.forgets(peer)


def test_a_form_that_is_none_is_left_to_the_application(server: Attacked) -> None:
    with server.peer() as peer:
        peer.send(post(5, "/", "Content-Type: multipart/form-data") + b"--\xff\r\n")
        assert length_seen(peer) == 5


@pytest.mark.slow
def test_requests_are_not_taken_from_a_peer_that_does_not_read_the_responses(server: Attacked) -> None:
    with server.peer(receive_buffer=4096) as peer:
        before = server.memory()
        peer.send_while_taken(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000, at_most=2**20)
        assert server.memory() - before < 2 * LARGE / 2**20
        server.forgets(peer)


@pytest.mark.slow
def test_a_peer_that_does_not_read_its_response_is_cut_off(server: Attacked) -> None:
    with server.peer(receive_buffer=4096) as kept_alive, server.peer(receive_buffer=4096) as closing:
        kept_alive.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        closing.send(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        server.forgets(kept_alive, closing)


@pytest.mark.slow
def test_a_peer_that_reads_slowly_gets_all_of_its_responses(server: Attacked) -> None:
    with server.peer(receive_buffer=65536) as peer:
        peer.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 2 + GET + b"\r\n")
        for _ in range(2):
            assert peer.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
            for _ in range(16):
                time.sleep(0.25)  # longer than any deadline in all
                peer.read(LARGE // 16)
        assert length_seen(peer) == 0


def test_pipelined_requests_are_answered_in_order(server: Attacked) -> None:
    with server.peer() as peer:
        peer.send(b"".join(post(length) + bytes(length) for length in range(200)))
        assert [length_seen(peer) for _ in range(200)] == list(range(200))


def test_many_small_chunks_at_once_do_not_delay_others(server: Attacked) -> None:
    chunks = b"POST /order/chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"a") * 10_000
    with server.peer() as many, server.peer() as one:
        server.web.process.send_signal(signal.SIGSTOP)
        many.send(chunks + chunk(b"") + GET + b"\r\n" + post(1) + b"a")
        one.send(b"GET /order/one HTTP/1.1\r\nHost: x\r\n\r\n")
        server.web.process.send_signal(signal.SIGCONT)
        assert length_seen(one) == 0
        assert [length_seen(many) for _ in range(3)] == [10_000, 0, 1]
        assert server.state()["received"] == ["/order/one", "/order/chunks"]


def test_a_peer_that_goes_while_its_chunks_are_decoded_leaves_nothing_behind(server: Attacked) -> None:
    for _ in range(20):
        with server.peer() as peer:
            peer.send(CHUNKED + chunk(b"a") * 5_000 + chunk(b""))
    server.forgets(peer)


@pytest.mark.slow
def test_half_open_connections_do_not_keep_the_process_from_ending() -> None:
    with attacked("daphne") as server:
        peers = [server.peer() for _ in range(20)]
        for number, peer in enumerate(peers):
            peer.send([b"", b"GET / HT", GET, post(10), CHUNKED][number % 5])
        with server.peer(receive_buffer=4096) as deaf:
            deaf.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            server.web.process.send_signal(signal.SIGTERM)
            assert server.web.process.wait() == 0
        for peer in peers:
            peer.socket.close()
