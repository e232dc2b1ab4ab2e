"""A web process on daphne with short deadlines, to be attacked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from tests import processes
from tests.serving.raw import WITHIN, Peer

MIB = 2**20


class Attacked:
    """What becomes of a web process."""

    def __init__(self, web: processes.Web) -> None:
        self.web = web
        self.address = web.address
        self.process = psutil.Process(web.process.pid)

    def peer(self, receive_buffer: int | None = None) -> Peer:
        return Peer(self.address, receive_buffer)

    def state(self) -> dict[str, Any]:
        """What the application says of itself."""
        with self.peer() as peer:
            return peer.get()

    def memory(self) -> float:
        """MiB that the process has in memory."""
        return float(self.process.memory_info().rss) / MIB

    def forgets(self, *peers: Peer) -> None:
        """Returns when the process has closed its connections to these peers and no WebSocket's application runs."""
        ports = {peer.port for peer in peers}
        deadline = time.monotonic() + WITHIN
        while self._connected(ports) or self.state()["serving"]:
            assert time.monotonic() < deadline, f"Still there: {self._connected(ports)} {self.state()['serving']}"
            time.sleep(0.05)

    def _connected(self, ports: set[int]) -> set[int]:
        return {one.raddr.port for one in self.process.net_connections("tcp") if one.raddr} & ports


@contextmanager
def attacked(server: str) -> Iterator[Attacked]:
    """A process on `uvicorn` or `daphne`, which says nothing of what peers do wrong."""
    with processes.web(server, DJANGO_SETTINGS_MODULE="tests.serving.observed_settings") as web:
        yield Attacked(web)
        assert "Traceback" not in web.process.output
        assert len(web.process.output.splitlines()) < 10
