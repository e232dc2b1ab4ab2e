"""The memory limit of the embedded store: an amount, or a percentage of the machine's memory."""

import os
import re
from pathlib import Path

LEAST = 16 * 1024**2
MOST = 2**63 - 1  # as the store counts

_AMOUNT = re.compile(r"(\d{1,20})\s*([kmgt]?)b?", re.ASCII | re.IGNORECASE)
_SHARE = re.compile(r"(\d{1,3})\s*%", re.ASCII)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def memory_limit(text: str) -> int:
    """Parse a setting into bytes: `512mb`, `2gb`, a number of bytes, or `50%` of the machine's memory.

    Raises ValueError for anything else and for less than LEAST; a percentage is at least LEAST.
    """
    if share := _SHARE.fullmatch(text):
        percent = int(share[1])
        if not 1 <= percent <= 100:
            raise ValueError(text)
        return max(machine_memory() * percent // 100, LEAST)
    amount = _AMOUNT.fullmatch(text)
    size = int(amount[1]) * _UNITS[amount[2].lower()] if amount else 0
    if not LEAST <= size <= MOST:
        raise ValueError(text)
    return size


def machine_memory(root: Path = Path("/")) -> int:
    """Bytes of memory available to this process: the machine's, or the limit of its container or service.

    Args:
        root: where the file systems of the kernel are.
    """
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_cgroup_limits(root)])


def _cgroup_limits(root: Path) -> list[int]:
    """The memory limits of this process's control groups and their parents; only on Linux.

    A container sees its own group at the top, whatever path the kernel gives.
    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files, …/cgroup-v1/memory.html
    """
    limits = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        group = top / path.lstrip("/")
        texts = [_read(each / name).strip() for each in {top, group, *group.parents} if each.is_relative_to(top)]
        limits += [int(text) for text in texts if text.isdecimal()]
    return limits


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
