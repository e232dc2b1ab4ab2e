"""Guessing which msg_ids others will use."""

import asyncio
import json

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import frame

EVERY = 2
"""Every second number is taken."""

AHEAD = 20
"""How many numbers ahead of the victim the attacker begins: four seconds, at the rate of the probe."""

AT_A_TIME = 40
"""Messages after which the attacker connects again."""


class Guesser:
    """A member who uses the msg_ids of A and B before they do, for something else."""

    def __init__(self) -> None:
        self._ahead = AHEAD

    async def attempt(self, target: Target) -> str:
        """Join, send some, leave; the next attempt goes on where this one stopped."""
        async with Peer.joined(target, target.talked_in, "&role=user") as peer:
            for _ in range(AT_A_TIME):
                number = target.first_number + self._ahead
                await peer.send(_message(f"A-{number}") + _message(f"B-{number}"))
                self._ahead += EVERY
                await asyncio.sleep(EVERY / target.numbers_a_second)
            return peer.answer


def _message(msg_id: str) -> bytes:
    envelope = {"hd": {"event": "chat.message", "msg_id": msg_id}, "bd": {"text": "mine"}}
    return frame(json.dumps(envelope).encode())


attack("guessed-msg-ids", at_once=1, pause=0.05)(Guesser().attempt)
