"""Ports for servers that bind them later. Parallel tests are never given the same one."""

import os
import socket
from itertools import cycle

# Systems take the ports of outgoing connections from 32,768 (Linux) or 49,152 on: a port from there could be taken by
# a connection of another test before the server binds it. Each pytest worker has a range below of its own.
FIRST = 10_000
PER_PYTEST_WORKER = 2_000
PYTEST_WORKERS = 11


def free_port() -> int:
    """A TCP port of loopback that nothing listens on."""
    return next(port for port in _ports if _is_free(port))


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw10").removeprefix("gw")) % PYTEST_WORKERS
_ports = cycle(range(FIRST + _worker * PER_PYTEST_WORKER, FIRST + (_worker + 1) * PER_PYTEST_WORKER))
for _ in range(os.getpid() * 37 % PER_PYTEST_WORKER):  # two runs at once begin far apart
    next(_ports)
