"""How much memory the embedded store may use."""

import os
import re
from pathlib import Path

import pytest
from redis import Redis

from doqchat.serving.memory import LEAST, machine_memory, memory_limit
from tests.processes import completed
from tests.serving.commands import MANAGE, environment, running

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
V1_LIMIT, V2_LIMIT = "sys__fs__cgroup__memory__memory.limit_in_bytes", "sys__fs__cgroup__memory.max"


def machine(root: Path, cgroup: str, **limits: str) -> Path:
    """The files of a kernel: the control group of the process, and the limits in some files, `/` written as `__`."""
    for name, content in {"proc__self__cgroup": cgroup, **limits}.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    return root


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512mb", 512 * 1024**2),
        ("512 MB", 512 * 1024**2),
        ("2gb", 2 * 1024**3),
        ("2G", 2 * 1024**3),
        ("1t", 1024**4),
        ("20480k", 20 * 1024**2),
        ("33554432", 32 * 1024**2),
        ("33554432b", 32 * 1024**2),
        ("100%", machine_memory()),
        ("25 %", machine_memory() // 4),
    ],
)
def test_an_amount_of_memory(text: str, size: int) -> None:
    assert memory_limit(text) == size


@pytest.mark.parametrize(
    "text", ["0", "1", "15mb", "0%", "101%", "-1", "-512mb", "1.5gb", "much", "", "mb", "%", "9" * 20 + "gb", "٥١٢mb"]
)
def test_an_invalid_amount_of_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text) or None):
        memory_limit(text)


def test_a_machine_without_limits_has_all_of_its_memory(tmp_path: Path) -> None:
    assert machine_memory(tmp_path) == PHYSICAL
    root = machine(tmp_path, "0::/", **{V2_LIMIT: "max"})
    assert machine_memory(root) == PHYSICAL


@pytest.mark.parametrize(
    ("cgroup", "file"),
    [
        ("0::/", "sys/fs/cgroup/memory.max"),
        ("0::/../../app", "sys/fs/cgroup/memory.max"),
        ("0::/system.slice/doqchat.service", "sys/fs/cgroup/system.slice/doqchat.service/memory.max"),
        ("0::/system.slice/doqchat.service", "sys/fs/cgroup/system.slice/memory.max"),
        ("9:cpu:/\n4:memory:/docker/1\n0::/", "sys/fs/cgroup/memory/memory.limit_in_bytes"),
        ("4:hugetlb,memory:/docker/1", "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes"),
    ],
)
def test_the_limit_of_a_container_or_service_counts(cgroup: str, file: str, tmp_path: Path) -> None:
    root = machine(tmp_path, cgroup, **{file.replace("/", "__"): str(256 * 1024**2)})
    assert machine_memory(root) == 256 * 1024**2


def test_a_limit_above_the_memory_that_there_is_means_nothing(tmp_path: Path) -> None:
    root = machine(tmp_path, "4:memory:/", **{V1_LIMIT: "9223372036854771712"})
    assert machine_memory(root) == PHYSICAL


@pytest.mark.slow
async def test_the_embedded_store_keeps_to_its_limit_and_says_so(tmp_path: Path) -> None:
    variables = environment(tmp_path, DOQCHAT_REDIS_MEMORY="64mb")
    async with running([*MANAGE, "doqchat_up"], variables) as up:
        assert "메모리 한도 / memory limit: 64 MiB." in await up.line("store:")
        with Redis(port=int(variables["DOQCHAT_REDIS_PORT"]), decode_responses=True) as store:
            limits = store.config_get("maxmemory", "maxmemory-policy")
    assert limits == {"maxmemory": str(64 * 1024**2), "maxmemory-policy": "noeviction"}


@pytest.mark.slow
async def test_without_a_setting_the_limit_is_half_of_the_memory(tmp_path: Path) -> None:
    async with running([*MANAGE, "doqchat_up"], environment(tmp_path, DOQCHAT_REDIS_MEMORY="")) as up:
        assert f"memory limit: {machine_memory() / 2 / 1024**2:,.0f} MiB." in await up.line("store:")


def test_a_limit_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    checked = completed([*MANAGE, "check"], environment(tmp_path, DOQCHAT_REDIS_MEMORY="lots"))
    assert checked.returncode == 1
    assert "DOQCHAT_REDIS_MEMORY must be an amount of memory such as 512mb or 2gb" in checked.stderr


def test_a_share_of_little_memory_is_enough_to_start() -> None:
    assert memory_limit("1%") >= LEAST
