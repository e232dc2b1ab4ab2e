"""The load generator: a separate process that runs one workload against one server and prints the measurement.

`python -m benchmarks.load '{"url": …, "server_pid": …, "store_pid": …, "workload": {…}}'`; the answer is one line of
JSON, the fields of `Measurement`.
"""

import asyncio
import json
import sys
from dataclasses import asdict

import uvloop

from benchmarks.accounting import resident_bytes
from benchmarks.clients import Client, connect, raise_open_files_limit
from benchmarks.measurement import Measurement
from benchmarks.traffic import TrafficRun
from benchmarks.workloads import Idle, Traffic

STEADY_FOR = 1.0  # seconds that memory has to stand still before it is read
STEADY_WITHIN = 15.0  # seconds


async def steady_memory(pid: int) -> int:
    """Resident bytes of the process once they stop growing, or after STEADY_WITHIN."""
    last = resident_bytes(pid)
    for _ in range(int(STEADY_WITHIN / STEADY_FOR)):
        await asyncio.sleep(STEADY_FOR)
        before, last = last, resident_bytes(pid)
        if last <= before:
            break
    return last


async def measure_idle(workload: Idle, url: str, server_pid: int) -> Measurement:
    """Memory per open socket. The first `settled` sockets pay for what a server loads once, and are not counted."""
    clients = [Client(number // 2, lambda client, text: None) for number in range(workload.settled + workload.sockets)]
    await connect(clients[: workload.settled], url)
    before = await steady_memory(server_pid)
    await connect(clients[workload.settled :], url)
    after = await steady_memory(server_pid)
    closed = next((client.closed for client in clients if client.closed), "")
    return Measurement(kib_per_socket=(after - before) / workload.sockets / 1024, problem=closed)


async def measure(spec: dict[str, object]) -> Measurement:
    """Run what `spec` describes."""
    url, server_pid, store_pid = str(spec["url"]), int(str(spec["server_pid"])), int(str(spec["store_pid"]))
    fields = spec["workload"]
    assert isinstance(fields, dict)
    if "sockets" in fields:
        return await measure_idle(Idle(**fields), url, server_pid)
    return await TrafficRun(Traffic(**fields), server_pid, store_pid).measure(url)


def main() -> None:
    raise_open_files_limit()
    try:
        measurement = uvloop.run(measure(json.loads(sys.argv[1])))
    except ExceptionGroup as failures:
        measurement = Measurement(problem=f"could not connect: {failures.exceptions[0]!r}")
    print(json.dumps(asdict(measurement)))


if __name__ == "__main__":
    main()
