"""`python -m benchmarks.archive`: what the archive saves in memory, and what reading from it costs.

Fills a store with 1,000,000 messages in 10,000 sessions, of which 100 are active, and starts a worker, which archives
them. Measures the memory of the store and the web process before and after, how long a client needs to receive a
session of 100,000 events, from the stream alone and across the border, and how long joining takes.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median

import psutil
import redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks import processes
from doqchat.protocol.events import ChatMessage
from doqchat.protocol.server import stored
from doqchat.store import keys
from tests.ports import free_port

IDLE_HOURS = 3
LIVE_EVENTS = 1_000
BATCH = 2_000
JOINS = 50
ARCHIVED_WITHIN = 3_600.0
LONG = "long"
TEXT = "오늘 상담 예약은 오후 세 시로 바꿔 주세요. Please confirm the appointment in Busan"
WORDS = TEXT.split()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def text(number: int) -> str:
    """A message of about 12 words, different for each number."""
    return " ".join(WORDS[(number + step * (number % 7 + 1)) % len(WORDS)] for step in range(12)) + f" {number}"


def fill(client: "redis.Redis", sid: str, count: int, last_ms: int) -> None:
    """Store messages a second apart, the last one at a time."""
    for first in range(0, count, BATCH):
        batch = client.pipeline(transaction=False)
        for number in range(first, min(first + BATCH, count)):
            body = stored(sid, ChatMessage(text=text(number)), "A")
            entry_id = f"{last_ms - (count - 1 - number) * 1000}-0"
            batch.xadd(keys.stream(sid), {"participant": "A", "body": body}, id=entry_id)
        batch.execute()
    client.zadd(keys.SESSIONS, {sid: last_ms / 1000})


def fill_all(client: "redis.Redis", sessions: int, active: int, messages: int) -> None:
    now = time.time_ns() // 1_000_000
    each = messages // sessions
    for number in range(sessions):
        fill(client, f"session-{number}", each, now if number < active else now - IDLE_HOURS * 3_600_000)
        if number % 1_000 == 999:
            say(f"  {(number + 1) * each:,} of {messages:,} messages")


@contextmanager
def worker(environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        command = [sys.executable, "manage.py", "doqchat_llmworker"]
        process = subprocess.Popen(
            command, cwd=processes.ROOT, env=os.environ | environment, stdout=output, stderr=output
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def wait_until_archived(client: "redis.Redis", active: int) -> float:
    """Wait until only the active sessions are in the store; the seconds that it took."""
    started = shown = time.monotonic()
    while time.monotonic() - started < ARCHIVED_WITHIN:
        left = client.zcard(keys.SESSIONS)
        if left <= active + 1 and client.xlen(keys.stream(LONG)) <= LIVE_EVENTS * 1.2:
            return time.monotonic() - started
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            say(f"  {left:,} sessions in the store")
        time.sleep(0.2)
    raise TimeoutError(f"The sessions are not archived after {ARCHIVED_WITHIN:.0f} s.")


@asynccontextmanager
async def joined(url: str, sid: str, since: str | None = None) -> AsyncIterator[ClientConnection]:
    address = f"{url}/v1/session/chat?sid={sid}" + (f"&since={since}" if since else "")
    async with connect(
        address, subprotocols=[Subprotocol("doqchat.v1")], max_queue=None, compression=None, proxy=None
    ) as client:
        await client.recv()  # the welcome
        yield client


async def replay_seconds(url: str, events: int) -> float:
    """How long a client needs to receive the long session."""
    started = time.perf_counter()
    async with joined(url, LONG, since="0") as client:
        for _ in range(events):
            frame = await client.recv()
            while '"chat.message"' not in frame[:120]:
                frame = await client.recv()
    return time.perf_counter() - started


async def join_milliseconds(url: str, sids: list[str]) -> float:
    """How long connecting takes, to the welcome; the median over some sessions."""
    taken = []
    for sid in sids:
        started = time.perf_counter()
        async with joined(url, sid, since="9999999999999-0"):
            taken.append((time.perf_counter() - started) * 1000)
    return median(taken)


def megabytes(client: "redis.Redis", web: int) -> str:
    store = client.info("memory")["used_memory"] / 2**20
    return f"store {store:,.0f} MiB, web process {psutil.Process(web).memory_info().rss / 2**20:,.0f} MiB"


def run(folder: Path, sessions: int, active: int, messages: int, long: int) -> bool:
    """Measure everything; whether all targets are met."""
    with processes.store(folder) as (_, store_url), redis.Redis.from_url(store_url, decode_responses=True) as client:
        port = free_port()
        environment = {
            "DOQCHAT_REDIS_URL": store_url,
            "DOQCHAT_DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "DOQCHAT_ACCESS": "open",
            "DOQCHAT_LIMITS": "ADDRESS_SESSIONS=none,ADDRESS_HANDSHAKES=none",
            "DOQCHAT_LIVE_EVENTS": str(LIVE_EVENTS),
            "SECRET_KEY": "not a secret",
            "PORT": str(port),
        }
        processes.migrate(environment)
        command = [sys.executable, "manage.py", "doqchat_web", "--skip-checks"]
        with processes.listening(command, port, folder / "web.log", [processes.SERVER_CORE], environment) as web:
            url = f"ws://127.0.0.1:{port}"
            say(f"Storing {messages:,} messages in {sessions:,} sessions, and {long:,} in another one …")
            fill(client, LONG, long, time.time_ns() // 1_000_000)
            asyncio.run(replay_seconds(url, long))  # the first one also warms up
            from_stream = min(asyncio.run(replay_seconds(url, long)) for _ in range(3))
            fill_all(client, sessions, active, messages)
            say(f"Before: {megabytes(client, web)}")
            with worker(environment, folder / "worker.log"):
                taken = wait_until_archived(client, active)
                size = sum(path.stat().st_size for path in folder.glob("db.sqlite3*")) / 2**20
                say(
                    f"Archived in {taken:,.0f} s ({(messages + long) / taken:,.0f} events/s); database {size:,.0f} MiB."
                )
                client.execute_command("MEMORY", "PURGE")
                say(f"After: {megabytes(client, web)}")
                store = client.info("memory")["used_memory"] / 2**20
                across = min(asyncio.run(replay_seconds(url, long)) for _ in range(3))
                idle = [f"session-{number}" for number in range(active, active + JOINS)]
                live = asyncio.run(join_milliseconds(url, [f"session-{number}" for number in range(JOINS)]))
                archived = asyncio.run(join_milliseconds(url, idle))
    ratio, later = across / from_stream, archived - live
    say(f"{long:,} events: {from_stream:.2f} s from the stream, {across:.2f} s across the border, {ratio:.2f} times")
    say(f"Joining: {live:.1f} ms a live session, {archived:.1f} ms one that has left the store, {later:+.1f} ms")
    return store <= 200 and ratio <= 1.5 and later <= 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archive", description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--active", type=int, default=100)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--long", type=int, default=100_000, help="events of the long session")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="doqchat-archive-") as folder:
            passed = run(Path(folder), **vars(arguments))
    except KeyboardInterrupt:
        say("\nStopped; everything that was started has ended.")
        return 130
    say(
        "All targets are met: 200 MiB, 1.5 times, 20 ms."
        if passed
        else "A target is missed: 200 MiB, 1.5 times, 20 ms."
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
