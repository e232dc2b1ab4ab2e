"""Whatever is cut or killed: nothing acknowledged is lost, nothing is doubled, and readers have a gapless run."""

import asyncio
import signal

from doqchat_client import Session, connect

from tests import processes
from tests.doqchat_client.session_log import SessionLog, durable_ids, read_to
from tests.processes import Web
from tests.proxy import Proxy

MESSAGES = 12


async def test_a_server_killed_between_storing_and_acknowledging_doubles_nothing(
    server: Web, sid: str, log: SessionLog
) -> None:
    with processes.web() as mortal:
        async with Proxy(mortal.address).serving() as line, connect(line.ws, sid, role="A") as chat:
            await chat.send("calm")
            line.hold()
            sending = asyncio.create_task(chat.send("stored, and then it died"))
            await log.next_stored()
            mortal.process.kill()
            line.lead_to(server.address)
            line.cut()
            line.release()
            sent = await sending
            assert sent.duplicate
            assert durable_ids(await read_to(chat, sent.id)) == log.ids()
    assert log.texts() == ["calm", "stored, and then it died"]


async def test_a_server_killed_before_storing_loses_nothing(server: Web, sid: str, log: SessionLog) -> None:
    with processes.web() as mortal:
        async with Proxy(mortal.address).serving() as line, connect(line.ws, sid, role="A") as chat:
            await chat.send("calm")
            mortal.process.send_signal(signal.SIGSTOP)
            sending = [asyncio.create_task(chat.send(text)) for text in ("never heard", "not even sent")]
            await asyncio.sleep(0)
            line.lead_to(server.address)
            mortal.process.kill()
            sent = await asyncio.gather(*sending)
            assert not any(one.duplicate for one in sent)
            assert durable_ids(await read_to(chat, sent[-1].id)) == log.ids()
    assert log.texts() == ["calm", "never heard", "not even sent"]


async def test_a_server_that_ends_in_order_is_left_for_another(server: Web, sid: str, log: SessionLog) -> None:
    with processes.web() as ending:
        async with Proxy(ending.address).serving() as line, connect(line.ws, sid, role="A") as chat:
            await chat.send("here")
            line.lead_to(server.address)
            ending.process.send_signal(signal.SIGTERM)
            sent = await chat.send("there")
            assert durable_ids(await read_to(chat, sent.id)) == log.ids()
    assert log.texts() == ["here", "there"]


async def test_readers_have_a_gapless_run_over_lines_cut_in_mid_frame(
    any_server: Web, sid: str, log: SessionLog
) -> None:
    async with Proxy(any_server.address).serving() as line:
        line.cut_within = 8_000
        async with (
            connect(line.ws, sid, role="A") as a,
            connect(line.ws, sid, role="B", since="0") as b,
            connect(line.ws, sid, since="0", max_queue=3) as slow,
        ):

            async def talk(chat: Session) -> list[str]:
                return [(await chat.send(f"{chat} {number} " + "가나다" * 40)).id for number in range(MESSAGES)]

            said_a, said_b = await asyncio.gather(talk(a), talk(b))
            ids = log.ids()
            assert sorted(said_a + said_b, key=ids.index) == ids
            assert said_a == [entry for entry in ids if entry in set(said_a)]
            line.cut_within = 0
            for chat in (a, b, slow):
                assert durable_ids(await read_to(chat, ids[-1])) == ids
        assert line.cuts > 2


async def test_many_connections_cut_at_once_come_back_with_nothing_missed(
    line: Proxy, sid: str, log: SessionLog
) -> None:
    async with asyncio.TaskGroup() as group:
        writer = await connect(line.ws, sid, role="A")
        readers = [await connect(line.ws, sid) for _ in range(20)]
        for round_number in range(3):
            line.cut()
            log.fill(f"round {round_number} missed {number}" for number in range(50))
        last = (await writer.send("the last")).id
        reading = [group.create_task(read_to(chat, last)) for chat in readers]
    ids = log.ids()
    for one in reading:
        assert durable_ids(one.result()) == ids
    for chat in (writer, *readers):
        await chat.close()
