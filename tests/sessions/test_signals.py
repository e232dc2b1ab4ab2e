"""Django signals of what happens in sessions: who receives them, and that receivers hold up nothing."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.dispatch import Signal

from doqchat import signal_queue
from doqchat.engine import Engine
from doqchat.sessions import asay, say
from doqchat.signal_queue import SignalQueue
from doqchat.signals import message_stored
from tests import processes
from tests.conftest import Connect
from tests.processes import Process, Store

RECEIVING = {"DJANGO_SETTINGS_MODULE": "tests.sessions.receiving"}
WITHIN_SECONDS = 10.0

Receive = Callable[..., Any]


@pytest.fixture
def received() -> Iterator[list[dict[str, Any]]]:
    """The arguments of each `message_stored` of the test's own process."""
    heard: list[dict[str, Any]] = []

    def receive(signal: Signal, sender: None, **arguments: Any) -> None:
        heard.append(arguments)

    message_stored.connect(receive)
    yield heard
    message_stored.disconnect(receive)


def lines(process: Process, name: str) -> list[dict[str, Any]]:
    """What a process has printed of a signal, without the names of connections."""
    printed = [json.loads(line) for line in process.output.splitlines() if line.startswith('{"signal"')]
    return [
        {key: value for key, value in each.items() if key != "signal"} for each in printed if each["signal"] == name
    ]


async def printed(process: Process, name: str, number: int) -> list[dict[str, Any]]:
    """The first signals of a name."""
    await asyncio.to_thread(process.wait_until, lambda: len(lines(process, name)) >= number)
    return lines(process, name)


@pytest.mark.slow
async def test_each_process_signals_what_happens_in_it_whatever_its_receivers_do(
    own_store: Store, connect: Connect, sid: str, django_db_setup: None
) -> None:
    with ExitStack() as stack:
        site = RECEIVING | {"DOQCHAT_REDIS_URL": own_store.url}
        one, two = [stack.enter_context(processes.web(server, **site)) for server in ("uvicorn", "daphne")]
        answering = stack.enter_context(
            processes.llm_worker(own_store.url, DJANGO_SETTINGS_MODULE=RECEIVING["DJANGO_SETTINGS_MODULE"])
        )
        first, second = await connect(one, sid, v1=True, role="A"), await connect(two, sid, v1=True, role="B")
        await first.send("chat.message", {"text": "hi"}, msg_id="m1", name="Minji")
        await first.send("chat.message", {"text": "hi"}, msg_id="m1", name="Minji")
        await first.send("llm.request", {"prompt": "Say hello"})
        await second.send("chat.message", {"text": "hi"})
        await second.recv_event("llm.response")
        request = await printed(one.process, "message_stored", 2)
        common = {"sid": sid, "role": "A", "subject": None}
        assert request == [
            common | {"id": request[0]["id"], "event": "chat.message", "text": "hi", "name": "Minji"},
            common | {"id": request[1]["id"], "event": "llm.request", "text": "Say hello", "name": None},
        ]
        (reply,) = await printed(answering, "reply_finished", 1)
        assert (reply["sid"], reply["request_id"], reply["reason"]) == (sid, request[1]["id"], "stop")
        assert reply["text"]
        (joined,) = await printed(two.process, "member_joined", 1)
        assert joined | {"connection": ""} == common | {"role": "B", "name": None, "connection": ""}
        assert await printed(one.process, "member_joined", 1)
        await asyncio.gather(first.close(), second.close())
        assert (await printed(one.process, "member_left", 1))[0]["role"] == "A"
        assert "a receiver's fault" in one.process.output


def asynchronous(release: asyncio.Event) -> Receive:
    async def receive(**arguments: Any) -> None:
        await release.wait()

    return receive


def synchronous(release: threading.Event) -> Receive:
    def receive(**arguments: Any) -> None:
        release.wait(WITHIN_SECONDS)

    return receive


@pytest.mark.parametrize(("make", "event"), [(asynchronous, asyncio.Event), (synchronous, threading.Event)])
async def test_a_receiver_that_does_not_return_delays_no_message(
    engine: Engine, sid: str, received: list[dict[str, Any]], make: Receive, event: Any
) -> None:
    release = event()
    slow = make(release)
    message_stored.connect(slow)
    try:
        ids = [await asay(sid, text) for text in ("one", "two", "three")]
        assert len(received) <= 1
        release.set()
        await engine.signals.close()
    finally:
        release.set()
        message_stored.disconnect(slow)
    assert [(each["id"], each["text"]) for each in received] == list(zip(ids, ("one", "two", "three"), strict=True))


async def test_the_oldest_signals_are_dropped_for_slow_receivers_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(signal_queue, "MOST_WAITING", 3)
    queue, signal, started, release = SignalQueue(), Signal(), asyncio.Event(), asyncio.Event()
    numbers: list[int] = []

    async def receive(number: int, **arguments: Any) -> None:
        numbers.append(number)
        started.set()
        await release.wait()

    signal.connect(receive)
    queue.post(signal, number=0)
    await started.wait()
    for number in range(1, 7):
        queue.post(signal, number=number)
    release.set()
    await queue.close()
    assert numbers == [0, 4, 5, 6]
    assert [record.message for record in caplog.records] == [
        "3 signals are queued for slow receivers; the oldest are dropped."
    ]


def test_a_signal_of_synchronous_code_is_sent_before_its_event_loop_ends(
    store_url: str, sid: str, received: list[dict[str, Any]]
) -> None:
    said = say(sid, "hi", role="B", msg_id="m1")
    assert say(sid, "hi", role="B", msg_id="m1") == said
    assert received == [
        {"sid": sid, "id": said, "event": "chat.message", "role": "B", "name": None, "subject": None, "text": "hi"}
    ]
