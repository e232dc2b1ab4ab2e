"""A replay: one member reads the stream at the pace of its socket, until it has come as far as its session."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from doqchat.errors import DoqchatError
from doqchat.fanout.member import Member
from doqchat.protocol.ids import order
from doqchat.store.faults import retry_until_available

if TYPE_CHECKING:
    from doqchat.fanout.live import LiveSession

PAGE = 100
FRAMES_A_TURN = 4
"""How many frames that were read are written before everything else has its turn."""


class Torn(Exception):
    """Events that a client was promised were removed before they were read."""


async def replay(session: "LiveSession", member: Member, since: str, *, whole: bool) -> None:
    """Deliver to a member every event after an id, then let it go live.

    While the store is away this waits, and while the socket does not take what was written.

    Args:
        session: the session.
        member: who gets them.
        since: the id.
        whole: whether the client was told that nothing after it is missing.

    Raises:
        Torn: it was, and something is missing since.
    """
    if order(since) > order(session.last):
        await session.come_as_far_as_the_stream()
    cursor = min(since, session.last, key=order)  # an id that the session never reached is none to go on from
    count = PAGE
    while not (member.closed or session.is_live(member)):
        await member.drained()
        cursor, count = await retry_until_available(
            partial(_replay_page, session, member, cursor, count, whole), DoqchatError
        )


async def _replay_page(session: "LiveSession", member: Member, cursor: str, count: int, whole: bool) -> tuple[str, int]:
    """Write to the member up to so many events after an id, or as many as its socket takes; live at the end.

    Returns the id of the last one written, and how many to read next: a page is no larger than what the socket takes
    of it, so that nothing of it is kept while the client does not read.
    """
    async with session.replaying:
        reached = session.last  # what the stream still has of all up to here is in the page, if that is not full
        page = await session.stream.read(session.sid, after=cursor, count=count)
        joins_on = page[0].prev == cursor if page else order(cursor) >= order(reached)
        if whole and not joins_on and await session.stream.gap(session.sid, cursor):
            raise Torn
        for number, entry in enumerate(page, 1):
            member.push(session.passed(entry))
            if member.behind:
                return entry.id, number
            if number % FRAMES_A_TURN == 0:
                await asyncio.sleep(0)
        cursor = page[-1].id if page else cursor
        if len(page) < count and order(session.last) <= max(order(cursor), order(reached)):
            session.go_live(member)
        return cursor, min(2 * count, PAGE)
