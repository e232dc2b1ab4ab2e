"""The end of a member's token: the client is told in time, and then the connection is closed."""

import asyncio
from time import time

from doqchat.access.tokens import LEEWAY_SECONDS
from doqchat.errors import Unauthenticated
from doqchat.fanout.member import Member
from doqchat.protocol import server
from doqchat.protocol.events import AuthExpiring

WARNING_SECONDS = 60.0
"""How long before the end a client is told, or when a third of the time is left that the token had at first."""


def watch(member: Member) -> float:
    """Wait for the end of a member's token, instead of the one that it had before.

    Returns the seconds until then. A token that has expired, and was still taken because clocks may differ, lasts as
    long as they may.
    """
    if member.expiry is not None:
        member.expiry.cancel()
    if member.closed or member.principal.expires is None:
        return 0.0
    left = member.principal.expires - time()
    if left <= 0:
        left = max(left + LEEWAY_SECONDS, 0.0)
    loop = asyncio.get_running_loop()
    member.expiry = loop.call_later(left - min(WARNING_SECONDS, left / 3), _warn, member, loop.time() + left)
    return left


def _warn(member: Member, end: float) -> None:
    loop = asyncio.get_running_loop()
    if member.full:
        expiring = AuthExpiring(expires_in=round(end - loop.time()))
        member.push(server.ephemeral(member.principal.sid, expiring))
    member.expiry = loop.call_at(end, _end, member)


def _end(member: Member) -> None:
    member.end(Unauthenticated("The token has expired; get a new one."))
