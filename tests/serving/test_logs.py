"""What the processes log when many records, or large values, come from outside."""

import asyncio
import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from doqchat.serving import logs
from doqchat.serving.logs import BURST, LINE_CHARACTERS, TRACEBACK_LINES, WINDOW_SECONDS, LineFormatter, RateLimitFilter
from tests import processes

REQUESTS = 2 * BURST
JUNK = "x" * 4_000
REFUSED = [
    f"GET / HTTP/1.1\r\nHost: {JUNK}.example",
    f"GET /{JUNK} HTTP/1.1\r\nHost: localhost",
    f"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nCookie: csrftoken={JUNK}",
    f"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid={JUNK}",
    f"GET /{JUNK}\xff%ff%00 HTTP/1.1\r\nHost: localhost",
    JUNK,
]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the filter takes for the time; a test changes it."""
    moment = [1_000.0]
    monkeypatch.setattr(logs, "monotonic", lambda: moment[0])
    return moment


@pytest.fixture
def log(clock: list[float]) -> Iterator[logging.Logger]:
    """A logger as config.settings sets them up; `lines` reads what it has written."""
    handler = logging.StreamHandler(StringIO())
    handler.setFormatter(LineFormatter("{levelname} {message}", style="{"))
    handler.addFilter(RateLimitFilter())
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)


def lines(log: logging.Logger) -> list[str]:
    stream: StringIO = log.handlers[0].stream  # type: ignore[attr-defined]  # the fixture's
    return stream.getvalue().splitlines()


def say(log: logging.Logger, count: int) -> None:
    for number in range(count):
        log.warning("number %d", number)


def test_many_records_from_one_place_are_counted_and_not_logged(log: logging.Logger, clock: list[float]) -> None:
    say(log, 5 * BURST)
    assert len(lines(log)) == BURST
    assert lines(log)[-2:] == [
        f"WARNING number {BURST - 2}",
        f"WARNING number {BURST - 1} (Similar lines are suppressed for up to 10 s.)",
    ]
    clock[0] += WINDOW_SECONDS
    say(log, 2)
    assert lines(log)[BURST:] == [
        f"WARNING number 0 ({4 * BURST} similar lines were suppressed.)",
        "WARNING number 1",
    ]


def test_records_from_elsewhere_and_of_another_level_are_logged_meanwhile(log: logging.Logger) -> None:
    say(log, 5 * BURST)
    log.warning("elsewhere")
    log.error("worse")
    assert lines(log)[BURST:] == ["WARNING elsewhere", "ERROR worse"]


def test_a_line_has_no_breaks_and_no_large_values(log: logging.Logger) -> None:
    log.warning("from %s", "한\r\n2026-01-01 ERROR forged: \x1b[31m\u2028" + "x" * 1_000_000)
    (line,) = lines(log)
    assert line.startswith(r"WARNING from 한\r\n2026-01-01 ERROR forged: \x1b[31m\u2028xxx")
    assert line.endswith("… (1,000,039 characters)")
    assert len(line) < LINE_CHARACTERS + 100


def test_a_traceback_has_its_innermost_calls_and_no_large_values(log: logging.Logger) -> None:
    def fail(depth: int) -> None:
        if depth == 0:
            raise ValueError("x" * 1_000_000)
        fail_again(depth - 1)

    def fail_again(depth: int) -> None:
        fail(depth)

    try:
        fail(100)
    except ValueError:
        log.exception("It failed.")
    said, *traceback = lines(log)
    assert said == "ERROR It failed."
    assert len(traceback) == TRACEBACK_LINES
    assert traceback[-1].startswith("ValueError: xxx")
    assert max(map(len, traceback)) < LINE_CHARACTERS + 100


@pytest.mark.parametrize(("status", "has_traceback"), [(400, False), (404, False), (500, True)])
def test_only_a_failure_of_the_server_has_a_traceback(log: logging.Logger, status: int, has_traceback: bool) -> None:
    try:
        raise ValueError("refused")
    except ValueError as error:
        log.error("A request.", exc_info=error, extra={"status_code": status})
    assert any("Traceback" in line for line in lines(log)) == has_traceback


@pytest.mark.slow
@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
async def test_requests_that_are_refused_do_not_flood_the_log(
    store_url: str, django_db_setup: None, server: str
) -> None:
    with processes.web(server) as web:
        for head in REFUSED * REQUESTS:
            reader, writer = await asyncio.open_connection(*web.address.split(":"))
            writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode("latin-1"))
            await reader.read()
            writer.close()
        printed = web.process.output.splitlines()
    assert len(printed) <= len(REFUSED) * BURST
    assert all(len(line) < LINE_CHARACTERS + 200 for line in printed)
