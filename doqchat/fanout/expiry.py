"""Token expiry: warns the client, then closes the connection."""

import asyncio
from time import time

from doqchat.access.tokens import LEEWAY_SECONDS
from doqchat.errors import Unauthenticated
from doqchat.fanout.member import Member
from doqchat.protocol import server
from doqchat.protocol.events import AuthExpiring

WARNING_SECONDS = 60.0
"""How long before expiry the client is warned; with a short lifetime, when a third of it is left."""


def watch(member: Member) -> float:
    """Schedule the expiry of a member's token, in place of that of its previous token.

    Returns the seconds until then. An expired token that was accepted because of clock skew lasts until the end of the
    tolerance.
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
