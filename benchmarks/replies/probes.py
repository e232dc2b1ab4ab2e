"""Requests one after the other: how long until the first piece, beside the SDK alone, and how soon a cancel arrives."""

import asyncio
import json
import time
import urllib.request
from dataclasses import dataclass
from itertools import count
from random import Random

import redis.asyncio

from benchmarks.clients import connect
from benchmarks.replies.conversation import Conversation
from benchmarks.replies.direct import Ask
from benchmarks.replies.site import Site
from doqchat.store import keys

WITHIN = 30.0  # seconds for one reply
PROMPT = "[[pieces=3 pace=0.05]]"
LONG = "[[pieces=1000 pace=0.02]]"
CANCELLING_AT_ONCE = 10
LATEST_CANCEL = 1.0  # seconds after the request

_sessions = count()


@dataclass(frozen=True)
class Overhead:
    """Seconds to the first piece: through doqchat and with the SDK alone, in pairs."""

    pairs: list[tuple[float, float]]

    @property
    def ms(self) -> float:
        """The median of what doqchat adds, in milliseconds."""
        return median([through - alone for through, alone in self.pairs]) * 1e3


@dataclass(frozen=True)
class Cancels:
    """What became of cancelled replies.

    Attributes:
        asked: how many there were.
        ends: terminal events that came.
        cancelled: how many of those say so; the others had ended before.
        jobs: jobs that are left in the queue.
        seconds: from the cancel's frame to the end of the provider's connection, where there was one.
    """

    asked: int
    ends: int
    cancelled: int
    jobs: int
    seconds: list[float]


def median(values: list[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]


async def open_conversations(site: Site, number: int) -> list[Conversation]:
    """The given number of probes, each connected to a separate session."""
    opened = [Conversation(next(_sessions)) for _ in range(number)]
    await connect([each.client for each in opened], site.url)
    return opened


async def overhead(site: Site, alias: str, alone: Ask, probes: int, seconds: float = WITHIN) -> Overhead:
    """Ask through doqchat and alone in turns, so often or so long.

    The first pair pays for what is loaded once, and is not counted.
    """
    pairs: list[tuple[float, float]] = []
    until = time.monotonic() + seconds
    for number, each in enumerate(await open_conversations(site, probes + 1)):
        if len(pairs) > 1 and time.monotonic() > until:
            break
        async with asyncio.timeout(WITHIN):
            asked = each.ask(f"{PROMPT} {number}", alias)
            end = await each.ended
            if end["event"] != "llm.response":
                raise RuntimeError(f"A reply ended otherwise: {end}")
            pairs.append((each.first - asked, await alone(f"{PROMPT} {number}")))
    return Overhead(pairs[1:])


async def cancels(site: Site, alias: str, number: int, random: Random) -> Cancels:
    """Cancel replies at random moments, a few at a time."""
    gate = asyncio.Semaphore(CANCELLING_AT_ONCE)
    sent: dict[str, float] = {}

    async def cancel(each: Conversation) -> bool:
        async with gate, asyncio.timeout(WITHIN):
            question = f"cancel-{each.client.session}-"
            each.ask(f"{LONG} {question}", alias)
            await each.requested
            await asyncio.sleep(random.uniform(0, LATEST_CANCEL))
            sent[question] = each.cancel()
            return (await each.ended).get("finish_reason") == "cancelled"

    conversations = await open_conversations(site, number)
    cancelled = await asyncio.gather(*(cancel(each) for each in conversations))
    await asyncio.sleep(1)  # a second terminal event, or a connection that stays, shows itself late
    async with redis.asyncio.Redis.from_url(site.store_url) as client:
        jobs = await client.zcard(keys.queue(alias))
    calls = await asyncio.to_thread(_calls, site.providers[alias])
    seconds = [
        (call["ended_at"] or float("inf")) - at
        for question, at in sent.items()
        for call in calls
        if question in json.dumps(call["body"])
    ]
    return Cancels(number, sum(each.ends for each in conversations), sum(cancelled), jobs, seconds)


def _calls(url: str) -> list[dict[str, float]]:
    with urllib.request.urlopen(f"{url}/requests", timeout=30) as response:
        calls: list[dict[str, float]] = json.loads(response.read())
    return calls
