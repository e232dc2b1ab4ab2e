"""Peers that ask and do not read what they are answered."""

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import TINY_BUFFER, Peer
from tests.attack.attacks.wire import PING, frame, request
from tests.attack.seeds import LARGE, SAID

PINGS = 500 * frame(bytes(125), PING)
HELD = 20.0  # seconds


@attack("unread-pongs", at_once=4, pause=0.5)
async def unread_pongs(target: Target) -> str:
    """WebSocket pings whose pongs are not read."""
    async with Peer.joined(target, "attack-pongs", unread=True) as peer:
        return await peer.repeat(PINGS, times=100, pause=0.2)


@attack("unread-answers", at_once=2, pause=0.5)
async def unread_answers(target: Target) -> str:
    """Requests one behind the other, of which no answer is read."""
    pipelined = 20 * request(target, f"GET /api/chat/history/{SAID}?limit=1000")
    async with Peer.connected(target, TINY_BUFFER) as peer:
        peer.stop_reading()
        return await peer.repeat(pipelined, times=20, pause=1)


@attack("unread-session", at_once=6, pause=2)
async def unread_session(target: Target) -> str:
    """A member of a session with much to say that does not read."""
    async with Peer.joined(target, LARGE, "&since=0", unread=True) as peer:
        return await peer.end(HELD)


@attack("unread-talk", at_once=10, pause=2)
async def unread_talk(target: Target) -> str:
    """A member of the probe's session that does not read."""
    async with Peer.joined(target, target.talked_in, "&since=0", unread=True) as peer:
        return await peer.end(HELD)
