"""Searches that cost the server more than the client."""

import asyncio
import random
from urllib.parse import quote

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import request
from tests.attack.seeds import LARGE, MARKED, MARKS, SAID

FITS_A_HEAD = quote(MARKS[:1_200])
LONGEST = quote(MARKS[:7_900])


async def _search(target: Target, sid: str, words: str) -> str:
    async with Peer.connected(target) as peer:
        await peer.send(request(target, f"GET /api/chat/history/{sid}?q={words}", "Connection: close"))
        return await peer.response()


@attack("searched-marks", at_once=2, pause=0.5)
async def searched_marks(target: Target) -> str:
    """A search for thousands of combining marks, whose order normalization has to find."""
    return await _search(target, SAID, random.choice((FITS_A_HEAD, LONGEST)))


@attack("stored-marks", at_once=2, pause=0.5)
async def stored_marks(target: Target) -> str:
    """A search in messages that are made of such marks."""
    return await _search(target, MARKED, "hello")


@attack("left-searches", at_once=2, pause=0.5)
async def left_searches(target: Target) -> str:
    """A search through a large session, whose client leaves at once."""
    async with Peer.connected(target) as peer:
        await peer.send(request(target, f"GET /api/chat/history/{LARGE}?q=nowhere{random.random()}"))
        await asyncio.sleep(0.01)
        return "left"
