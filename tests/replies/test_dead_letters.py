"""`manage.py doqchat_dead` lists, retries and drops dead letters."""

import asyncio
import re
import subprocess

import pytest
import redis

from doqchat.engine import Engine
from doqchat.replies.dead_letters import DeadLetters
from doqchat.store import keys
from tests import processes
from tests.chat.commands import run
from tests.fanout.conftest import joined
from tests.hints import posted, queued, run_out
from tests.ports import free_port
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import DEMO, ask, end_of


def llm_dead(
    store: processes.Store, *arguments: str, locale: str = "ko_KR.UTF-8"
) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    return run("doqchat_dead", *arguments, DOQCHAT_REDIS_URL=store.url, LANG=locale)


async def give_up(engine: Engine, queue: "redis.Redis", *sids: str) -> list[str]:
    """Store a dead letter in each session, as a worker would; returns the ids of the replies."""
    replies = []
    for sid in sids:
        replies.append(reply := await ask(engine, sid))
        await posted(engine.shards.of(sid))
        queue.delete(f"{keys.own(sid)}current", keys.replies(sid))
        queue.delete(keys.queue(DEMO))
        letter = {"sid": sid, "request": reply[1:], "reply": reply, "llm": DEMO, "auto": "0"}
        queue.xadd(keys.DEAD_LETTERS, letter)
        queue.sadd(keys.dead(sid), reply)
    return replies


async def test_a_dead_letter_that_cannot_be_retried_is_kept(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    await give_up(own_engine, queue, sid)
    ((job_id, job),) = queue.xrange(keys.DEAD_LETTERS)
    queue.xdel(keys.DEAD_LETTERS, job_id)
    queue.xadd(keys.DEAD_LETTERS, {**job, "reply": "no reply of ours"})
    dead = DeadLetters(own_engine.shards, own_engine.stream)
    (broken,) = await dead.list()
    assert await dead.retry(broken) is None
    assert await dead.list() == [broken]


async def test_a_retried_dead_letter_is_answered_by_a_new_reply(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    reply_id = await ask(own_engine, sid)
    run_out(queue, sid, reply_id, deliveries=3)
    async with joined(own_engine, sid) as socket:
        with processes.llm_worker(own_store.url):
            error = await end_of(socket, *ENDS)
            ended = await asyncio.to_thread(llm_dead, own_store, "retry", "--all")
            streaming = await end_of(socket, "llm.streaming")
            response = await end_of(socket, *ENDS)
    assert (error["hd"]["event"], error["bd"]["reply_id"]) == ("llm.error", reply_id)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (streaming["bd"]["reply_id"], streaming["bd"]["attempt"]) == (f"{reply_id}-2", 1)
    assert (response["hd"]["event"], response["bd"]["reply_id"]) == ("llm.response", f"{reply_id}-2")
    assert response["bd"]["request_id"] == error["bd"]["request_id"] == reply_id[1:]
    assert (queue.xlen(keys.DEAD_LETTERS), queue.smembers(keys.dead(sid))) == (0, set())


async def test_dead_letters_are_listed_with_the_prompt(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    (reply_id,) = await give_up(own_engine, queue, sid)
    ((dead_id, _),) = queue.xrange(keys.DEAD_LETTERS)
    korean = (await asyncio.to_thread(llm_dead, own_store, "list")).stdout
    assert korean.splitlines()[0] == "데드 레터 1개"
    assert f"ID: {dead_id}\n" in korean
    english = (await asyncio.to_thread(llm_dead, own_store, "list", locale="en_US.UTF-8")).stdout
    assert english.splitlines()[0] == "1 dead letter"
    assert re.search(r"^Failed: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0900$", english, re.MULTILINE)
    for line in (f"Session: {sid}", f"Request: {reply_id[1:]}", f"Reply: {reply_id}", "Model: demo", "Prompt: 안녕"):
        assert line in english.splitlines()


async def test_only_the_named_dead_letters_are_retried_or_dropped(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    sids = [f"{sid}-{number}" for number in range(3)]
    replies = await give_up(own_engine, queue, *sids)
    ids = [dead_id for dead_id, _ in queue.xrange(keys.DEAD_LETTERS)]
    retried = await asyncio.to_thread(llm_dead, own_store, "retry", ids[0])
    dropped = await asyncio.to_thread(llm_dead, own_store, "drop", ids[1])
    assert f"{replies[0]}-2" in retried.stdout
    assert ids[1] in dropped.stdout
    assert [dead_id for dead_id, _ in queue.xrange(keys.DEAD_LETTERS)] == ids[2:]
    assert queued(queue, DEMO) == [(sids[0], f"{replies[0]}-2")]
    assert [one.reply_id for one in (await own_engine.snapshots.take(sids[0])).replies] == [f"{replies[0]}-2"]


@pytest.mark.slow
async def test_a_request_that_is_given_up_again_can_be_retried_again(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    (reply_id,) = await give_up(own_engine, queue, sid)
    await asyncio.to_thread(llm_dead, own_store, "retry", "--all")
    run_out(queue, sid, f"{reply_id}-2", deliveries=3)
    async with joined(own_engine, sid) as socket:
        with processes.llm_worker(own_store.url):
            assert (await end_of(socket, *ENDS))["bd"]["reply_id"] == f"{reply_id}-2"
            again = await asyncio.to_thread(llm_dead, own_store, "retry", "--all")
            assert f"{reply_id}-3" in again.stdout
            assert (await end_of(socket, "llm.response"))["bd"]["reply_id"] == f"{reply_id}-3"


async def test_a_retried_reply_is_queued_and_can_be_cancelled(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    (reply_id,) = await give_up(own_engine, queue, sid)
    await ask(own_engine, sid)
    await asyncio.to_thread(llm_dead, own_store, "retry", "--all")
    async with joined(own_engine, sid) as socket:
        await own_engine.cancellation.cancel(sid, f"{reply_id}-2")
        response = await end_of(socket, *ENDS)
    assert (response["bd"]["reply_id"], response["bd"]["request_id"]) == (f"{reply_id}-2", reply_id[1:])
    assert response["bd"]["finish_reason"] == "cancelled"


INCOMPLETE: tuple[dict[str, str], ...] = (
    {"something": "else"},
    {"sid": "no sid", "request": "5-0", "reply": "r5-0", "llm": "default"},
    {"sid": "s", "request": "nonsense", "reply": "r5-0", "llm": "default"},
    {"sid": "s", "request": "5-0", "reply": "nonsense", "llm": "default"},
    {"sid": "s", "request": "5-0", "reply": "r5-0-nonsense", "llm": "default"},
    {"sid": "s", "request": "5-0", "reply": "r5-0", "llm": ""},
    {"sid": "\x1b[2J", "request": "5-0", "reply": "r5-0", "llm": "default"},
)


async def test_malformed_dead_letters_do_not_hide_others(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    (reply_id,) = await give_up(own_engine, queue, sid)
    for fields in INCOMPLETE:
        queue.xadd(keys.DEAD_LETTERS, fields)
    queue.xadd(keys.DEAD_LETTERS, INCOMPLETE[0], id="18446744073709551615-1")
    ids = [dead_id for dead_id, _ in queue.xrange(keys.DEAD_LETTERS)]
    listed = await asyncio.to_thread(llm_dead, own_store, "list", locale="en_US.UTF-8")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert re.findall(r"^ID: (.*)$", listed.stdout, re.MULTILINE) == ids
    assert "\x1b" not in listed.stdout
    retried = await asyncio.to_thread(llm_dead, own_store, "retry", "--all", locale="en_US.UTF-8")
    assert retried.stdout.splitlines() == [
        *(f"{dead_id} cannot be retried: its prompt is missing." for dead_id in ids[1:]),
        f"{ids[0]} was retried; the new reply is {reply_id}-2.",
    ]
    dropped = await asyncio.to_thread(llm_dead, own_store, "drop", "--all", locale="en_US.UTF-8")
    assert dropped.stdout.splitlines() == [f"{dead_id} was deleted." for dead_id in ids[1:]]
    assert not queue.exists(keys.DEAD_LETTERS) or queue.xlen(keys.DEAD_LETTERS) == 0


async def test_a_malformed_dead_letter_has_no_prompt(own_engine: Engine, queue: "redis.Redis") -> None:
    for fields in INCOMPLETE:
        queue.xadd(keys.DEAD_LETTERS, fields)
    listed = await DeadLetters(own_engine.shards, own_engine.stream).list()
    assert [letter.prompt for letter in listed] == [""] * len(INCOMPLETE)


async def test_a_dead_letter_of_an_unreadable_session_stays_and_others_are_retried(
    own_engine: Engine, own_store: processes.Store, queue: "redis.Redis", sid: str
) -> None:
    _, other = await give_up(own_engine, queue, sid, f"{sid}-2")
    ids = [dead_id for dead_id, _ in queue.xrange(keys.DEAD_LETTERS)]
    queue.set(keys.replies(sid), "junk")
    retried = await asyncio.to_thread(llm_dead, own_store, "retry", "--all", locale="en_US.UTF-8")
    assert retried.stdout.splitlines() == [
        f"{ids[0]} cannot be retried: its session cannot be read.",
        f"{ids[1]} was retried; the new reply is {other}-2.",
    ]
    assert [dead_id for dead_id, _ in queue.xrange(keys.DEAD_LETTERS)] == ids[:1]


@pytest.mark.parametrize("arguments", [("retry",), ("drop",), ("drop", "1-1", "--all"), ("list", "1-1")])
def test_the_command_requires_ids_or_all(own_store: processes.Store, arguments: tuple[str, ...]) -> None:
    ended = llm_dead(own_store, *arguments, locale="en_US.UTF-8")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == ("CommandError: Give the IDs that `doqchat_dead list` prints, or --all.\n")


def test_an_unknown_id_is_named(own_store: processes.Store) -> None:
    ended = llm_dead(own_store, "drop", "1-1", locale="en_US.UTF-8")
    assert (ended.returncode, ended.stderr) == (1, "CommandError: There is no request 1-1.\n")


def test_an_unreachable_store_is_reported_in_one_line() -> None:
    ended = run("doqchat_dead", "list", DOQCHAT_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "CommandError: 저장소가 응답하지 않습니다. `make run`으로 시작하거나 DOQCHAT_REDIS_URL을 확인하세요.\n"
    )
