"""`manage.py doqchat_inspect`: what the store holds of a session, printed."""

import asyncio
import os
import subprocess
import tracemalloc
from pathlib import Path

import pytest
import redis
from django.core.management import call_command

from doqchat.store import keys
from tests.chat.commands import clean, run
from tests.chat.conftest import Write
from tests.conftest import Connect
from tests.ports import free_port
from tests.processes import ROOT, Web, manage

KOREAN = """\
총 3개의 메시지 발견

--- 메시지 #1 ---
ID: 1700641234567-0
참여자: A
내용: {{"hd": {{"event": "chat.message", "role": "A", "sid": "{sid}"}}, "bd": {{"text": "안녕하세요! 😊"}}}}

--- 메시지 #2 ---
ID: 1700641234568-0
참여자: B
내용: {{"hd": {{"event": "chat.message", "role": "B", "sid": "{sid}"}}, "bd": {{"text": "네"}}}}

--- 메시지 #3 ---
ID: 1700641234568-1
참여자: A
내용: {{"hd": {{"event": "chat.message", "role": "A", "sid": "{sid}"}}, "bd": {{"text": "\\"좋아요\\""}}}}

참여자별 메시지 수:
  A: 2개
  B: 1개
"""


def test_a_session_is_printed_with_its_messages_and_counts(store_url: str, sid: str, write: Write) -> None:
    ids = ["1700641234567-0", "1700641234568-0", "1700641234568-1"]
    write(("A", "안녕하세요! 😊"), ("B", "네"), ("A", '"좋아요"'), ids=ids)
    ended = run("doqchat_inspect", sid, "--lang", "ko")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == KOREAN.format(sid=sid)


def test_in_english_too(store_url: str, sid: str, write: Write) -> None:
    write(("A", "one"))
    lines = run("doqchat_inspect", sid, "--lang", "en", LANG="ko_KR.UTF-8").stdout.splitlines()
    assert lines[0] == "Found 1 message"
    assert lines[2] == "--- Message #1 ---"
    assert lines[4] == "Participant: A"
    assert lines[5].startswith("Content: {")
    assert lines[-2:] == ["Messages by participant:", "  A: 1"]


@pytest.mark.parametrize(
    ("locale", "first"),
    [
        ({}, "총 1개의 메시지 발견"),
        ({"LANG": "C.UTF-8"}, "총 1개의 메시지 발견"),
        ({"LANG": "en_US.UTF-8"}, "Found 1 message"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR.UTF-8"}, "총 1개의 메시지 발견"),
        ({"LANG": "fr_FR.UTF-8"}, "Found 1 message"),
    ],
)
def test_it_speaks_the_locales_language(
    store_url: str, sid: str, write: Write, locale: dict[str, str], first: str
) -> None:
    write(("A", "x"))
    assert run("doqchat_inspect", sid, **locale).stdout.splitlines()[0] == first


async def test_what_was_said_over_a_socket_is_found(server: Web, connect: Connect, sid: str) -> None:
    a = await connect(server, sid)
    await a.say("こんにちは")
    said = await a.recv()
    printed = run("doqchat_inspect", sid).stdout
    assert f"ID: {said['hd']['id']}\n참여자: user\n" in printed
    assert '"bd": {"text": "こんにちは"}' in printed


def test_an_entry_that_is_not_an_envelope_is_printed_unchanged(store: "redis.Redis", sid: str) -> None:
    store.xadd(keys.stream(sid), {"participant": "A", "body": "{not JSON"})
    store.xadd(keys.stream(sid), {"participant": "B", "body": r'{"bd": {"text": "\ud83d"}}'})
    ended = run("doqchat_inspect", sid)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "내용: {not JSON\n" in ended.stdout
    assert '내용: {"bd": {"text": "\\ud83d"}}\n' in ended.stdout


@pytest.mark.parametrize("unknown", ["nobody-was-here", "not a sid"])
def test_a_session_that_is_not_there_is_said_not_to_be(store_url: str, unknown: str) -> None:
    ended = run("doqchat_inspect", unknown, LANG="en_US.UTF-8")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"CommandError: The store has no session {unknown}.\n"


def test_an_unreachable_store_is_reported_in_one_line(sid: str) -> None:
    ended = run("doqchat_inspect", sid, DOQCHAT_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "CommandError: 저장소가 응답하지 않습니다. `make run`으로 시작하거나 DOQCHAT_REDIS_URL을 확인하세요.\n"
    )


def test_the_reader_may_close_the_pipe(store_url: str, sid: str, write: Write) -> None:
    write(*[("A", "x" * 100)] * 3000)
    command = [*manage("doqchat_inspect"), sid]
    with subprocess.Popen(
        command, cwd=ROOT, env=clean(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


@pytest.mark.slow
async def test_a_long_session_is_not_held_in_memory(store_url: str, sid: str, write: Write) -> None:
    messages, size = 10_000, 2_000
    write(*[("A", "x" * size)] * messages)
    with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230
        tracemalloc.start()
        try:
            await asyncio.to_thread(call_command, "doqchat_inspect", sid, stdout=nowhere, skip_checks=True)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < messages * size / 4
