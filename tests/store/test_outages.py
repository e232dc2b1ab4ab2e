"""Outages of a store are logged once, with the cause, and so is their end."""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from doqchat.errors import Unavailable
from doqchat.store import outages
from doqchat.store.causes import cause_of
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests import processes
from tests.store.conftest import WITHIN
from tests.store.refusing import fail_disk, fill, make_room, mend_disk, valkey_that_cannot_save

Change = Callable[["redis.Redis"], object]


def demote(client: "redis.Redis") -> None:
    client.replicaof("127.0.0.1", "1")


def promote(client: "redis.Redis") -> None:
    client.replicaof("NO", "ONE")


def want_replicas(client: "redis.Redis") -> None:
    client.config_set("min-replicas-to-write", 1)


def want_no_replicas(client: "redis.Redis") -> None:
    client.config_set("min-replicas-to-write", 0)


@pytest.fixture
def own_store(tmp_path: Path) -> Iterator[processes.Store]:
    with valkey_that_cannot_save(tmp_path / "valkey") as store:
        yield store


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The log lines so far; the store is probed often."""
    monkeypatch.setattr(outages, "LOOK_SECONDS", 0.02)
    caplog.set_level(logging.INFO, "doqchat")
    return lambda: [record.getMessage() for record in caplog.records]


async def all_are_refused(stream: SessionStream, sid: str) -> None:
    sent = await asyncio.gather(*(stream.append(sid, "A", "{}") for _ in range(50)), return_exceptions=True)
    assert {type(outcome) for outcome in sent} == {Unavailable}


async def until(log_lines: Callable[[], list[str]], text: str) -> None:
    async with asyncio.timeout(WITHIN):
        while not any(text in line for line in log_lines()):  # noqa: ASYNC110 - the log has no event to await
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("begin", "end", "state", "text_in_log"),
    [
        (fill, make_room, "full", "its memory is full. Raise the limit, DOQCHAT_REDIS_MEMORY"),
        (fail_disk, mend_disk, "disk_error", "it cannot write to its disk. Free space"),
        (demote, promote, "read_only", "it is a replica. DOQCHAT_REDIS_URL"),
        (want_replicas, want_no_replicas, "read_only", "min-replicas-to-write"),
    ],
)
async def test_a_store_that_refuses_writes_is_logged_once_with_the_cause_and_so_is_the_end(
    own_stream: SessionStream,
    own_store: processes.Store,
    own_client: "redis.Redis",
    sid: str,
    log_lines: Callable[[], list[str]],
    begin: Change,
    end: Change,
    state: str,
    text_in_log: str,
) -> None:
    await own_stream.append(sid, "A", "{}")
    await asyncio.to_thread(begin, own_client)
    for _ in range(5):
        await all_are_refused(own_stream, sid)
    with pytest.raises(Unavailable) as refused:
        await own_stream.append(sid, "A", "{}")
    cause = cause_of(refused.value.__cause__)
    assert cause is not None
    assert cause.state == state
    end(own_client)
    await until(log_lines, "accepts writes again")
    begins, ends = log_lines()
    where = f"The store at 127.0.0.1:{processes.port_of(own_store.url)} "
    assert begins.startswith(f"{where}refuses writes: ")
    assert text_in_log in begins
    assert ends.startswith(f"{where}accepts writes again, after ")


async def test_an_unreachable_store_is_logged_once_and_so_is_the_end(
    own_stream: SessionStream, own_store: processes.Store, sid: str, log_lines: Callable[[], list[str]]
) -> None:
    await own_stream.append(sid, "A", "{}")
    await asyncio.to_thread(own_store.process.kill)
    for _ in range(5):
        await all_are_refused(own_stream, sid)
    await until(log_lines, "is unreachable")
    with processes.valkey(own_store.directory, processes.port_of(own_store.url)):
        await until(log_lines, "accepts writes again")
    assert [line for line in log_lines() if "is loading" not in line] == log_lines()[:1] + log_lines()[-1:]


@pytest.mark.slow
async def test_a_store_that_stalls_and_then_dies_is_one_outage(
    own_stream: SessionStream, own_store: processes.Store, sid: str, log_lines: Callable[[], list[str]]
) -> None:
    await own_stream.append(sid, "A", "{}")
    own_store.process.send_signal(signal.SIGSTOP)
    with pytest.raises(Unavailable):
        await own_stream.length(sid)
    await until(log_lines, "does not respond within 2 s (command timeout)")
    await asyncio.to_thread(own_store.process.kill)
    await all_are_refused(own_stream, sid)
    with processes.valkey(own_store.directory, processes.port_of(own_store.url)):
        await until(log_lines, "accepts writes again")
    assert [line for line in log_lines() if "is loading" not in line] == log_lines()[:1] + log_lines()[-1:]


async def test_one_broken_connection_is_not_an_outage(
    own_stream: SessionStream, own_client: "redis.Redis", sid: str, log_lines: Callable[[], list[str]]
) -> None:
    await own_stream.append(sid, "A", "{}")
    await asyncio.to_thread(own_client.client_kill_filter, _type="normal", skipme=True)
    await own_stream.append(sid, "A", "{}")
    fill(own_client)
    await all_are_refused(own_stream, sid)
    await until(log_lines, "its memory is full")
    assert len(log_lines()) == 1


async def test_a_wrong_password_is_logged(tmp_path: Path, sid: str, log_lines: Callable[[], list[str]]) -> None:
    with processes.valkey(tmp_path / "theirs") as store, closing(redis.Redis.from_url(store.url)) as client:
        client.config_set("requirepass", "right")
        shards = Shards([store.url.replace("redis://", "redis://:wrong@")])
        await all_are_refused(SessionStream(shards), sid)
        await until(log_lines, "rejects our password")
        await shards.close()
    assert not any("wrong" in line for line in log_lines())
