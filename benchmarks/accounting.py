"""What the operating system says a process has used."""

import time
from dataclasses import dataclass

import psutil


def family(pid: int) -> list[psutil.Process]:
    """The process and everything it started that still runs."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """User and system time of the process and its children, in seconds."""
    times = [process.cpu_times() for process in family(pid)]
    return float(sum(time.user + time.system for time in times))


def resident_bytes(pid: int) -> int:
    """Resident memory of the process and its children, in bytes."""
    return int(sum(process.memory_info().rss for process in family(pid)))


@dataclass(frozen=True)
class Reading:
    """CPU seconds of server, store and this process at one moment of the wall clock."""

    wall: float
    server: float
    store: float
    load: float

    @classmethod
    def take(cls, server_pid: int, store_pid: int) -> "Reading":
        """Read all of them now."""
        return cls(time.perf_counter(), cpu_seconds(server_pid), cpu_seconds(store_pid), time.process_time())

    def since(self, earlier: "Reading") -> "Reading":
        """What was used between the two."""
        return Reading(
            self.wall - earlier.wall,
            self.server - earlier.server,
            self.store - earlier.store,
            self.load - earlier.load,
        )
