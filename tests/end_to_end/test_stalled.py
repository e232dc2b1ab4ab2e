"""A web process that stood still for a while: those who read what it then has for them stay connected."""

import signal

import pytest

from tests import processes
from tests.conftest import Connect

pytestmark = pytest.mark.slow

SAID = 200
TEXT = "x" * 8_000


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_reader_gets_all_that_was_said_while_its_process_stood_still(
    kind: str, server: processes.Web, connect: Connect, sid: str
) -> None:
    with processes.web(kind) as stalled:
        reader, talker = await connect(stalled, sid), await connect(server, sid)
        stalled.process.send_signal(signal.SIGSTOP)
        said = []
        for _ in range(SAID):
            await talker.say(TEXT)
            said.append((await talker.recv())["hd"]["id"])
        stalled.process.send_signal(signal.SIGCONT)
        assert [(await reader.recv())["hd"]["id"] for _ in said] == said
