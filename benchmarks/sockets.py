"""The cost of a silent socket: CPU to open it, and memory while it is open."""

import asyncio
import time
from array import array

from benchmarks.accounting import Reading, resident_bytes
from benchmarks.clients import Client, connect
from benchmarks.measurement import Measurement, percentile_ms
from benchmarks.workloads import Connects, Idle

STEADY_FOR = 1.0  # seconds that memory has to stand still before it is read
STEADY_WITHIN = 15.0  # seconds


async def measure_connects(
    workload: Connects, url: str, server_pid: int, store_pid: int, client: type[Client]
) -> Measurement:
    """CPU per connect and connects per second. A latency is the time until a client is in its session."""
    settled, counted = _clients(workload, client)
    await connect(settled, url)
    latencies = array("d")
    before = Reading.take(server_pid, store_pid)
    for each in counted:
        begun = time.perf_counter()
        await each.open(url)
        latencies.append(time.perf_counter() - begun)
    used = Reading.take(server_pid, store_pid).since(before)
    return Measurement(
        server_us=used.server / len(counted) * 1e6,
        store_us=used.store / len(counted) * 1e6,
        rate=len(counted) / used.wall,
        p50_ms=percentile_ms(latencies, 50),
        p99_ms=percentile_ms(latencies, 99),
        server_busy=used.server / used.wall,
        load_busy=used.load / used.wall,
        problem=_closed(settled + counted),
    )


async def measure_idle(workload: Idle, url: str, server_pid: int, client: type[Client]) -> Measurement:
    """Memory per open socket."""
    settled, counted = _clients(workload, client)
    await connect(settled, url)
    before = await _steady_memory(server_pid)
    await connect(counted, url)
    after = await _steady_memory(server_pid)
    return Measurement(kib_per_socket=(after - before) / len(counted) / 1024, problem=_closed(settled + counted))


def _clients(workload: Connects | Idle, client: type[Client]) -> tuple[list[Client], list[Client]]:
    """The clients that warm the server up, and those that are counted."""
    clients = [client(number // 2, lambda client, text: None) for number in range(workload.settled + workload.sockets)]
    return clients[: workload.settled], clients[workload.settled :]


def _closed(clients: list[Client]) -> str:
    return next((client.closed for client in clients if client.closed), "")


async def _steady_memory(pid: int) -> int:
    """Resident bytes of the process once they stop growing, or after STEADY_WITHIN."""
    last = resident_bytes(pid)
    for _ in range(int(STEADY_WITHIN / STEADY_FOR)):
        await asyncio.sleep(STEADY_FOR)
        before, last = last, resident_bytes(pid)
        if last <= before:
            break
    return last
