"""The load generator: a separate process that runs one workload against one server and prints the measurement.

`python -m benchmarks.load '{"url": …, "server_pid": …, "store_pid": …, "framing": …, "kind": …, "workload": {…}}'`,
the kind of workload as in KINDS; the answer is one line of JSON, the fields of `Measurement`.
"""

import json
import sys
from dataclasses import asdict
from typing import Any

import picows
import uvloop

from benchmarks.clients import Client, raise_open_files_limit
from benchmarks.measurement import Measurement
from benchmarks.peers.socketio.client import SocketIOClient
from benchmarks.sockets import measure_connects, measure_idle
from benchmarks.tokens import TokenClient
from benchmarks.traffic import TrafficRun
from benchmarks.workloads import KINDS, Connects, Idle

FRAMINGS: dict[str, type[Client]] = {"plain": Client, "Socket.IO": SocketIOClient, "tokens": TokenClient}


async def measure(spec: dict[str, Any]) -> Measurement:
    """Run what `spec` describes."""
    url, server_pid, store_pid, client = spec["url"], spec["server_pid"], spec["store_pid"], FRAMINGS[spec["framing"]]
    workload = KINDS[spec["kind"]](**spec["workload"])
    if isinstance(workload, Idle):
        return await measure_idle(workload, url, server_pid, client)
    if isinstance(workload, Connects):
        return await measure_connects(workload, url, server_pid, store_pid, client)
    return await TrafficRun(workload, server_pid, store_pid, client).measure(url)


def main() -> None:
    raise_open_files_limit()
    try:
        measurement = uvloop.run(measure(json.loads(sys.argv[1])))
    except (ExceptionGroup, OSError, picows.WSError) as failure:
        first = failure.exceptions[0] if isinstance(failure, ExceptionGroup) else failure
        measurement = Measurement(problem=f"could not connect: {first!r}")
    print(json.dumps(asdict(measurement)))


if __name__ == "__main__":
    main()
