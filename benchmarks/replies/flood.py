"""`python -m benchmarks.replies.flood`: one person floods the model with requests, others ask in sessions of their own.

Every second another session sends a request; what counts is the time to the first piece of its reply. It is measured
with the default limits, without any limit on requests, and without limits while each answer to the flood takes half a
minute. Exit status 0 when every reply begins in time and is complete, 1 otherwise.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import uvloop

from benchmarks.clients import Client, connect, raise_open_files_limit
from benchmarks.measurement import percentile_ms
from benchmarks.outcome import Outcome
from benchmarks.replies.conversation import Conversation
from benchmarks.replies.site import Site, site
from benchmarks.tokens import KEY, bearer

BEGUN_WITHIN = 2.0  # seconds
ANSWERED_WITHIN = 30.0  # seconds
OTHERS = 1_000_000  # the first session of the others
PROMPT = "[[pieces=20 pace=0.05]]"
SLOW_PROMPT = "[[pieces=20 pace=1.5]]"
UNLIMITED = "PERSON_REQUESTS=none,SITE_REQUESTS=none"


@dataclass
class Flooder:
    """One person with a socket in each of several sessions; counts the events that come back."""

    sessions: int
    prompt: str
    heard: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.clients = [_as("flooder", Client(number, self._on_text)) for number in range(self.sessions)]

    async def flood(self, requests: int, seconds: float) -> None:
        """Send the requests at an even pace, to the sessions in turn."""
        begun = time.monotonic()
        text = json.dumps({"hd": {"event": "llm.request"}, "bd": {"prompt": self.prompt, "llm": "openai"}}).encode()
        for number in range(requests):
            await asyncio.sleep(max(0.0, begun + number * seconds / requests - time.monotonic()))
            self.clients[number % self.sessions].send(text)

    def _on_text(self, client: Client, text: bytes) -> None:
        envelope = json.loads(text)
        event = envelope["hd"]["event"]
        self.heard[envelope["bd"]["code"] if event == "error" else event] += 1


async def ask(site: Site, number: int) -> tuple[float, str]:
    """Ask in a session of its own: the seconds to the first piece, and the event that ends the reply."""
    conversation = Conversation(OTHERS + number)
    await connect([_as(f"other-{number}", conversation.client)], site.url)
    asked = conversation.ask(PROMPT, "openai")
    async with asyncio.timeout(ANSWERED_WITHIN):
        ended = await conversation.ended
    if conversation.client.transport is not None:
        conversation.client.transport.disconnect()
    return conversation.first - asked, ended["event"]


async def measure(running: Site, prompt: str, arguments: argparse.Namespace) -> tuple[Flooder, list[tuple[float, str]]]:
    """Flood with this prompt for the given time, and ask once a second meanwhile."""
    flooder = Flooder(arguments.sessions, prompt)
    await connect(flooder.clients, running.url)
    flooding = asyncio.create_task(flooder.flood(arguments.requests, arguments.seconds))
    asking = []
    for number in range(int(arguments.seconds)):
        await asyncio.sleep(1.0)
        asking.append(asyncio.create_task(ask(running, number)))
    answers = await asyncio.gather(*asking)
    await flooding
    return flooder, answers


def run(settings: str, limits: str, prompt: str, what: str, arguments: argparse.Namespace) -> Outcome:
    """Measure a site with these limits; prints what became of the flood."""
    access = {"DOQCHAT_ACCESS": "token", "DOQCHAT_TOKEN_KEY": KEY}
    with site(settings, limits, **access) as running:
        flooder, answers = uvloop.run(measure(running, prompt, arguments))
    came = ", ".join(f"{count:,} {name}" for name, count in flooder.heard.most_common() if name != "llm.streaming")
    print(f"{what}: {arguments.requests:,} requests in {arguments.sessions} sessions, {came}", flush=True)
    first = [seconds for seconds, _ in answers]
    text = f"{what}: replies of others began after {percentile_ms(first, 50):.0f} ms in the median of {len(first)}"
    text += f", {max(first) * 1e3:.0f} ms at most, target {BEGUN_WITHIN * 1e3:.0f} ms"
    return Outcome.on(max(first) <= BEGUN_WITHIN and {end for _, end in answers} == {"llm.response"}, text)


def _as(person: str, client: Client) -> Client:
    """The client with a token of this person."""
    client.headers = bearer(client.session, person)
    return client


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replies.flood", description=__doc__)
    parser.add_argument("--requests", type=int, default=8_000, help="of the one person (8000)")
    parser.add_argument("--sessions", type=int, default=80, help="over which they are spread (80)")
    parser.add_argument("--seconds", type=float, default=60.0, help="in which they are sent (60)")
    arguments = parser.parse_args()
    raise_open_files_limit()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    outcomes = [
        run("config.settings", "", PROMPT, "default limits", arguments),
        run("benchmarks.replies.unlimited", UNLIMITED, PROMPT, "no limits on requests", arguments),
        run("benchmarks.replies.unlimited", UNLIMITED, SLOW_PROMPT, "no limits, slow answers", arguments),
    ]
    for outcome in outcomes:
        print(outcome.text)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
