"""The reference client and the life of its token."""

import asyncio
import logging
import time

import pytest
from doqchat_client import State, connect

from tests.access.credentials import token
from tests.processes import Web

SOON = 3


@pytest.mark.slow
async def test_the_reference_client_renews_its_token_and_stays_connected(
    guarded: Web, sid: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    given, states = [], []

    async def new_token() -> str:
        given.append(token(sid, exp=int(time.time()) + (3600 if given else SOON)))
        return given[-1]

    async with connect(guarded.ws, sid, token=new_token, on_state=lambda state, _: states.append(state)) as session:
        async for event in session:
            if event.event == "auth.refreshed":
                break
        await asyncio.sleep(SOON)
        await session.send("hi")
    assert (len(given), states) == (2, [State.CONNECTING, State.OPEN, State.CLOSED])
    assert not [made for made in given if made[-20:] in caplog.text]
