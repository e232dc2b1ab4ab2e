"""Replays: the stream is read for one member at the pace of its socket, until the member can go live."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from doqchat.errors import DoqchatError
from doqchat.fanout.member import Member
from doqchat.protocol.ids import order
from doqchat.store.faults import retry_until_available

if TYPE_CHECKING:
    from doqchat.fanout.local_session import LocalSession

PAGE = 100
FRAMES_A_TURN = 4
"""Number of frames written before the event loop is yielded to."""


class EventsRemoved(Exception):
    """Events of a replay were removed before they were read."""


async def replay(session: "LocalSession", member: Member, since: str, reached: str, *, whole: bool) -> None:
    """Deliver all events after an id to a member, then let it go live.

    Waits while the store is unreachable, and while the socket is not writable.

    Args:
        session: the session.
        member: the member.
        since: the id.
        reached: the last event that this process had delivered when the replay was requested. An id beyond the end of
            the stream is none of its ids; then everything after `reached` counts as new.
        whole: whether the client was told that no event after it is missing.

    Raises:
        EventsRemoved: it was told so, and events were removed since.
    """
    cursor = since
    if order(since) > order(reached):
        await session.catch_up()  # meanwhile events arrive that the client has not seen
        cursor = since if order(since) <= order(session.last) else reached
    count = PAGE
    while not (member.closed or session.is_live(member)):
        await member.drained()
        cursor, count = await retry_until_available(
            partial(_replay_page, session, member, cursor, count, whole), DoqchatError
        )


async def _replay_page(
    session: "LocalSession", member: Member, cursor: str, count: int, whole: bool
) -> tuple[str, int]:
    """Write up to `count` events after an id to the member, until its socket is not writable; go live at the end.

    Returns the id of the last written one, and the size of the next page: it adapts to what the socket accepts, so that
    no events are kept in memory while the client does not read.
    """
    async with session.replaying:
        reached = session.last  # a page that is not full has all remaining events up to here
        page = await session.stream.read(session.sid, after=cursor, count=count)
        joins_on = page[0].prev == cursor if page else order(cursor) >= order(reached)
        if whole and not joins_on and await session.stream.gap(session.sid, cursor):
            raise EventsRemoved
        for number, entry in enumerate(page, 1):
            member.push(session.deliver_if_new(entry))
            session.counts.deliveries += 1
            if member.behind:
                return entry.id, number
            if number % FRAMES_A_TURN == 0:
                await asyncio.sleep(0)
        cursor = page[-1].id if page else cursor
        if len(page) < count and order(session.last) <= max(order(cursor), order(reached)):
            session.go_live(member)
        return cursor, min(2 * count, PAGE)
