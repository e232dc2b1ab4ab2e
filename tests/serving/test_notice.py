"""Commands find a running `up` though they do not have its variables."""

import stat
from pathlib import Path

import pytest
from redis import Redis

from doqchat.serving import StartError
from doqchat.serving.notice import NAME, Notice, Running, find_running
from tests.ports import free_port
from tests.processes import completed
from tests.serving.commands import MANAGE, environment, running

pytestmark = pytest.mark.slow

THEIRS = Running(["redis://:s3cret@127.0.0.1:7000/0"], "http://localhost:3456/")
PORTS = ("PORT", "DOQCHAT_REDIS_PORT", "DOQCHAT_REDIS_PASSWORD")


async def test_commands_find_what_was_told_its_ports_by_its_own_environment_alone(tmp_path: Path) -> None:
    variables = environment(tmp_path, DOQCHAT_REDIS_PASSWORD="s3cret", PORT=str(free_port()))
    variables["DJANGO_SETTINGS_MODULE"] = "tests.serving.collected"

    def run(*command: str) -> str:
        done = completed([*MANAGE, *command], variables | dict.fromkeys(PORTS, ""))
        assert done.returncode == 0, done.stderr
        return done.stdout

    async with running([*MANAGE, "doqchat_up"], variables) as up:
        await up.line("ready: http")
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
        port = int(variables["DOQCHAT_REDIS_PORT"])
        with Redis(port=port, password="s3cret") as store:
            store.xadd("chat:session:room001", {"participant": "A", "body": "{}"})
        found, played = run("doqchat_inspect", "room001", "--lang", "en"), run("doqchat_smoke")
    assert "Found 1 message" in found
    assert played.splitlines()[-1] == "Chat test completed successfully"
    assert not (tmp_path / NAME).exists()
    assert [sum(text in line for line in up.lines) for text in ("store: ", "models: ")] == [1, 1]


def test_nothing_runs_where_there_is_no_notice(tmp_path: Path) -> None:
    assert find_running(tmp_path) is None
    assert find_running(tmp_path / "nowhere") is None


def test_a_notice_is_found_until_it_is_removed(tmp_path: Path) -> None:
    notice = Notice(tmp_path)
    notice.post(*THEIRS)
    assert find_running(tmp_path) == THEIRS
    notice.remove()
    assert find_running(tmp_path) is None


def test_a_directory_that_is_not_there_is_made(tmp_path: Path) -> None:
    notice = Notice(tmp_path / "data")
    notice.post(*THEIRS)
    assert find_running(tmp_path / "data") == THEIRS
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    notice.remove()


def test_a_directory_that_cannot_be_written_to_is_named() -> None:
    with pytest.raises(StartError, match=r"Cannot write to /dev/null/data \(Not a directory\): choose another"):
        Notice(Path("/dev/null/data")).post(*THEIRS)


def test_the_notice_of_a_process_that_was_killed_is_passed_over_and_replaced(tmp_path: Path) -> None:
    notice = Notice(tmp_path)
    notice.post(*THEIRS)
    left = (tmp_path / NAME).read_text()
    notice.remove()
    (tmp_path / NAME).write_text(left)
    assert find_running(tmp_path) is None
    notice.post(["redis://127.0.0.1:1/0"], THEIRS.address)
    assert find_running(tmp_path) == Running(["redis://127.0.0.1:1/0"], THEIRS.address)
    notice.remove()


def test_the_notice_of_another_process_is_left_where_it_is(tmp_path: Path) -> None:
    first, second = Notice(tmp_path), Notice(tmp_path)
    first.post(["redis://127.0.0.1:1/0"], THEIRS.address)
    second.post(*THEIRS)
    first.remove()
    assert find_running(tmp_path) == THEIRS
    second.remove()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    for directory in (elsewhere, here):
        directory.mkdir()
    notice = Notice(elsewhere)
    notice.post(*THEIRS)
    (here / NAME).symlink_to(elsewhere / NAME)
    assert find_running(here) is None
    notice.remove()
