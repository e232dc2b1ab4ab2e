"""What an attack is, what it is aimed at, and how it is repeated and counted."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn


@dataclass(frozen=True)
class Target:
    """The server under attack.

    Attributes:
        host, port: where it listens.
        source: the address that the attackers connect from.
        talked_in: a session in which the probe talks.
        first_number: the number in the first msg_id that A and B each use there during the attack.
        numbers_a_second: how many each of them uses in a second.
    """

    host: str
    port: int
    source: str
    talked_in: str
    first_number: int
    numbers_a_second: float

    @property
    def address(self) -> str:
        """The `Host` of a request that is none of ours to refuse."""
        return f"{self.host}:{self.port}"


class Ended(ConnectionError):
    """The server did not open the WebSocket, or has ended the connection; the text says how it answered."""


Attempt = Callable[[Target], Awaitable[str]]
"""Attacks once; returns in a few words how the server answered."""


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        name: what it is called on the command line and in the table.
        attempt: does it once.
        at_once: attempts at the same time.
        pause: seconds between two attempts of each of these, on the average.
        within: seconds after which an attempt that neither ends nor is ended is given up.
    """

    name: str
    attempt: Attempt
    at_once: int
    pause: float
    within: float


ATTACKS: dict[str, Attack] = {}
"""The attacks of the modules that have been imported, by name."""


def attack(name: str, *, at_once: int, pause: float, within: float = 30.0) -> Callable[[Attempt], Attempt]:
    """A decorator that adds a function to ATTACKS; the arguments are Attack's."""

    def register(attempt: Attempt) -> Attempt:
        ATTACKS[name] = Attack(name, attempt, at_once, pause, within)
        return attempt

    return register


@dataclass
class Tally:
    """How often one attack was tried, and how the server answered each time."""

    attempts: int = 0
    answers: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """As the process of the attackers prints it."""
        return {"attempts": self.attempts, "answers": dict(self.answers)}


async def repeat(attack: Attack, target: Target, tally: Tally) -> NoReturn:
    """Attack again and again; a connection that is refused or lost is an answer too."""
    await asyncio.sleep(random.uniform(0, attack.pause))
    while True:
        tally.attempts += 1
        tally.answers[await _answer(attack, target)] += 1
        await asyncio.sleep(random.uniform(0.5, 1.5) * attack.pause)


async def _answer(attack: Attack, target: Target) -> str:
    try:
        async with asyncio.timeout(attack.within):
            return await attack.attempt(target)
    except TimeoutError:
        return f"nothing in {attack.within:g} s"
    except Ended as ended:
        return str(ended)
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "connection lost"
