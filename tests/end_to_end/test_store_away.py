"""While the store is away sends are refused, connections stay, and all goes on by itself when it is back."""

import signal
from pathlib import Path

import pytest

from tests import processes
from tests.conftest import Connect


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_nothing_is_lost_or_stored_that_was_refused(
    kind: str, tmp_path: Path, connect: Connect, django_db_setup: None, sid: str
) -> None:
    port = processes.free_port()
    with processes.valkey(tmp_path / "valkey", port) as store, processes.web(kind, DOQCHAT_REDIS_URL=store.url) as web:
        writer, reader = await connect(web, sid, v1=True), await connect(web, sid, v1=True)
        await writer.say("before", msg_id="m1")
        await writer.recv_event("chat.ack")
        store.process.send_signal(signal.SIGKILL)
        store.process.wait()
        await writer.say("refused", msg_id="m2")
        refused = await writer.recv_event("error")
        assert (refused["bd"]["code"], refused["bd"]["msg_id"]) == ("unavailable", "m2")
        late = await connect(web, sid)
        assert (await late.recv())["bd"]["code"] == "unavailable"
        assert await late.close_code() == 1013
        with processes.valkey(tmp_path / "valkey", port):
            await writer.say("after", msg_id="m3")
            while (answer := await writer.recv_event("chat.ack", "error"))["hd"]["event"] == "error":
                await writer.say("after", msg_id="m3")
            assert answer["bd"]["duplicate"] is False
            seen = [await reader.recv_event("chat.message") for _ in range(2)]
            assert [frame["bd"]["text"] for frame in seen] == ["before", "after"]
            assert seen[1]["hd"]["prev"] == seen[0]["hd"]["id"]
