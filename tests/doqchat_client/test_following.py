"""What is read: a gapless run of the session, from where one asks, at one's own pace."""

import asyncio

import pytest
from doqchat_client import Event, Gap, Message, Undelivered, connect
from doqchat_client.exceptions import InvalidMessage, SessionClosed

from tests.doqchat_client.relay import Relay
from tests.doqchat_client.session_log import SessionLog, durable_ids, read_to, read_until
from tests.processes import Web
from tests.proxy import Proxy


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Message)]


async def test_without_since_one_sees_what_comes_from_now_on(server: Web, sid: str, log: SessionLog) -> None:
    log.fill(["before"])
    async with connect(server.ws, sid) as chat:
        sent = await chat.send("after")
        assert texts(await read_to(chat, sent.id)) == ["after"]


async def test_since_0_replays_everything_and_since_an_id_the_later_events(
    any_server: Web, sid: str, log: SessionLog
) -> None:
    log.fill(str(number) for number in range(500))
    ids = log.ids()
    for since, expected in (("0", ids), (ids[249], ids[250:])):
        async with connect(any_server.ws, sid, since=since) as chat:
            assert durable_ids(await read_to(chat, ids[-1])) == expected


async def test_an_event_knows_its_place_its_sender_and_its_time(server: Web, sid: str) -> None:
    async with connect(server.ws, sid, role="A") as chat:
        first, second = await chat.send("one"), await chat.send("two", msg_id="m-2")
        event = (await read_to(chat, second.id))[-1]
    assert (event.event, event.role, event.id, event.prev) == ("chat.message", "A", second.id, first.id)
    assert (event.msg_id, event.bd["text"], event.hd["sid"]) == ("m-2", "two", sid)
    assert event.timestamp is not None
    assert event.durable


async def test_a_lost_event_is_asked_for_on_the_open_connection(relay: Relay, sid: str, log: SessionLog) -> None:
    async with connect(relay.ws, sid, role="A") as chat:
        lost = await chat.send("kept")
        relay.loses = lambda frame: frame["bd"].get("text") == "lost" and "session.sync" not in relay.heard
        for text in ("lost", "lost", "seen"):
            lost = await chat.send(text)
        assert durable_ids(await read_to(chat, lost.id)) == log.ids()
    assert relay.heard.count("session.sync") == 1
    assert len(relay.requests) == 1


async def test_a_gap_is_reported_before_the_events_that_are_still_stored(
    server: Web, sid: str, log: SessionLog
) -> None:
    log.fill(["read", "trimmed", "kept", "kept too"])
    ids = log.ids()
    log.trim(2)
    async with connect(server.ws, sid, since=ids[0]) as chat:
        events = await read_to(chat, ids[3])
    (gap,) = [event for event in events if isinstance(event, Gap)]
    assert (gap.since, gap.oldest_id) == (ids[0], ids[2])
    assert events.index(gap) < events.index(next(event for event in events if event.durable))
    assert durable_ids(events) == ids[2:]


async def test_lost_events_that_are_no_longer_stored_are_a_gap_too(relay: Relay, sid: str, log: SessionLog) -> None:
    async with connect(relay.ws, sid, role="A") as chat:
        first = await chat.send("seen")
        await read_to(chat, first.id)
        relay.loses = lambda frame: frame["bd"].get("text") == "lost"
        await chat.send("lost")
        log.trim(0)
        last = await chat.send("seen again")
        events = await read_to(chat, last.id)
    (gap,) = [event for event in events if isinstance(event, Gap)]
    assert (gap.since, gap.oldest_id) == (first.id, last.id)
    assert durable_ids(events) == [last.id]


async def test_since_a_future_id_is_a_gap_and_then_live(relay: Relay, sid: str, log: SessionLog) -> None:
    log.fill(["old"])
    async with connect(relay.ws, sid, since="99999999999999-0") as chat:
        sent = await chat.send("new")
        events = await read_to(chat, sent.id)
    assert [event.since for event in events if isinstance(event, Gap)] == ["99999999999999-0"]
    assert durable_ids(events) == [sent.id]
    assert "session.sync" in relay.heard


@pytest.mark.parametrize("code", [1000, 1011, 1012, 1013, 4413])
async def test_a_closed_connection_is_reopened_and_continues(
    relay: Relay, sid: str, log: SessionLog, code: int
) -> None:
    async with connect(relay.ws, sid, role="A") as chat:
        await chat.send("before")
        await relay.close(code)
        log.fill(["meanwhile"])
        last = await chat.send("after")
        assert durable_ids(await read_to(chat, last.id)) == log.ids()
    assert len(relay.requests) == 2


async def test_a_malformed_session_id_stops_with_4400(server: Web) -> None:
    with pytest.raises(InvalidMessage) as refused:
        async with connect(server.ws, "not a sid"):
            pass
    assert (refused.value.close_code, refused.value.field) == (4400, "sid")


async def test_a_session_that_is_closed_ends_sends_and_reading(relay: Relay, sid: str) -> None:
    async with connect(relay.ws, sid) as chat:
        sent = await chat.send("the last word")
        await read_to(chat, sent.id)
        relay.loses = lambda frame: True
        waiting = asyncio.create_task(chat.send("and another thing"))
        await asyncio.sleep(0)
        await relay.close(4410)
        with pytest.raises(Undelivered):
            await waiting
        with pytest.raises(SessionClosed):
            await chat.send("hello?")
        with pytest.raises(SessionClosed):
            await read_until(chat, lambda event: event.durable)


async def test_a_program_that_does_not_read_holds_up_the_server_and_nothing_piles_up(
    line: Proxy, sid: str, log: SessionLog
) -> None:
    log.fill("x" * 8_000 for _ in range(2_200))
    ids = log.ids()
    async with connect(line.ws, sid, since="0", max_queue=10) as chat:
        await line.backed_up.wait()
        assert line.passed < 2_200 * 8_000 / 2
        assert durable_ids(await read_to(chat, ids[-1])) == ids


async def test_a_program_that_sends_between_reading_is_not_stuck_behind_a_full_queue(
    server: Web, sid: str, log: SessionLog
) -> None:
    log.fill(f"question {number}" for number in range(60))
    answers = []
    async with connect(server.ws, sid, since="0", role="B", max_queue=20) as chat:
        read = []
        async for event in chat:
            if event.durable:
                read.append(event.id)
                if event.role == "A":
                    answers.append(await chat.send(f"answer to {event.bd['text']}"))
            if len(read) == 120:
                break
    assert read == log.ids()
    assert len(answers) == 60


async def test_a_program_that_only_sends_can_read_it_all_later(server: Web, sid: str, log: SessionLog) -> None:
    async with connect(server.ws, sid, max_queue=5) as chat:
        for number in range(100):
            last = await chat.send(f"note {number}")
        assert durable_ids(await read_to(chat, last.id)) == log.ids()
