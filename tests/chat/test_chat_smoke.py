"""`manage.py doqchat_smoke`: succeeds on a server that does its job, and says what is wrong with one that does not."""

import asyncio
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import redis
from django.utils.translation import override

from chat.smoke import play, player, talker
from doqchat.store import keys
from tests.chat.broken_server import Fault, broken
from tests.chat.commands import run
from tests.ports import free_port
from tests.processes import Web

DONE = "Chat test completed successfully"


def socket_of(web: Web) -> str:
    return f"{web.ws}/v1/session/chat"


def test_it_succeeds_on_a_server_that_does_its_job(any_server: Web, store: "redis.Redis", sid: str) -> None:
    ended = run("doqchat_smoke", "--url", socket_of(any_server), "--sid", sid)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == DONE
    roles = [fields["participant"] for _, fields in store.xrange(keys.stream(sid))]
    assert roles == ["A", "B", "A", "B", "A"]
    assert store.zscore(keys.SESSIONS, sid)


def test_it_succeeds_in_a_session_where_others_have_talked(server: Web, sid: str) -> None:
    for _ in range(2):
        assert run("doqchat_smoke", "--url", socket_of(server), "--sid", sid).stdout.splitlines()[-1] == DONE


def test_without_a_server_it_says_how_to_start_one() -> None:
    url = f"ws://localhost:{free_port()}/v1/session/chat"
    ended = run("doqchat_smoke", "--url", url, LANG="en_US.UTF-8")
    assert (ended.returncode, ended.stdout) == (1, "")
    problem = f"The server is not running at {url}. Start it with `make run`, then try again."
    assert ended.stderr == f"CommandError: {problem}\n"


def test_it_speaks_the_locales_language() -> None:
    url = f"ws://localhost:{free_port()}/v1/session/chat"
    ended = run("doqchat_smoke", "--url", url, LANG="ko_KR.UTF-8")
    assert (
        ended.stderr == f"CommandError: {url}에 실행 중인 서버가 없습니다. `make run`으로 시작한 뒤 다시 해 보세요.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--sid", "not a sid"], "--sid takes 1 to 64 letters"),
        (["--url", "http://localhost/"], "http://localhost/ is not the URL of a socket"),
        (["--url", "nonsense"], "nonsense is not the URL of a socket"),
    ],
)
def test_arguments_that_cannot_be_are_named(arguments: list[str], problem: str) -> None:
    ended = run("doqchat_smoke", *arguments, LANG="en_US.UTF-8")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"CommandError: {problem}")
    assert len(ended.stderr.splitlines()) == 1


def test_a_url_that_is_not_a_doqchat_socket_is_reported() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as elsewhere:
        Thread(target=elsewhere.serve_forever, daemon=True).start()
        url = f"ws://127.0.0.1:{elsewhere.server_port}/v1/session/chat"
        ended = run("doqchat_smoke", "--url", url, LANG="en_US.UTF-8")
        elsewhere.shutdown()
    assert ended.returncode == 1
    assert f"{url} is not a doqchat socket" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


async def see(url: str) -> list[str]:
    async with asyncio.timeout(20):
        with override("en"):
            return [line async for line in play.perform(url, "room001")]


async def test_the_play_goes_well_on_a_server_without_fault() -> None:
    async with broken("none") as url:
        assert (await see(url))[-1] == "All messages arrived in order and exactly once, and none reached D."


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("doubles the first", "C got event 1-0 after 1-0: an event is missing, duplicated or out of order."),
        ("doubles the last", "C got event 5-0 after 5-0: an event is missing, duplicated or out of order."),
        ("stores the last twice", "C got “Good. Until next time 🎉 (.*)” twice."),
        ("leaks", "A client of another session got “안녕하세요! 😊 (.*)”."),
        ("swallows", "B did not get an expected message within 2 seconds."),
        ("garbles", "A expected “안녕하세요! 😊 (.*)” and got “안녕하세요! [?] (.*)”."),
        ("refuses", "The server refused A: No such words here."),
        ("hangs up", "A had to reconnect: the connection broke, or an event was missing."),
        ("hangs up on all", "The server closed the connection of C with code 1011."),
        ("numbers twice", "C got event 1-0 after 1-0: an event is missing, duplicated or out of order."),
        ("leaves a hole", "C got event 2-0 after 1-0: an event is missing, duplicated or out of order."),
        ("welcomes nobody", "The server did not send A a session.welcome within 2 seconds."),
        ("has no room", "The server refused C: Come back later."),
        ("acknowledges nothing", "The server did not acknowledge a message of A within 2 seconds."),
        ("acknowledges another", "A got “안녕하세요! 😊 (.*)” with the id 1-0; expected 9-9."),
        ("forgets", "B did not get an expected message within 2 seconds."),
        ("talks nonsense", "The server sent C an invalid event: The frame is not an envelope: 'nonsense'."),
    ],
)
async def test_what_a_server_does_wrong_is_noticed(fault: Fault, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(talker, "OPEN_SECONDS", 2.0)
    async with broken(fault) as url:
        with pytest.raises(player.Failed, match=f"^{problem}$"):
            await see(url)
