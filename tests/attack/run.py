"""One run: calm, then all attacks at once, then recovery."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.attack.attackers import Attackers
from tests.attack.attacks.attack import Target
from tests.attack.findings import Findings, p99
from tests.attack.probe import A_SECOND_IN_ALL, SIDS, Probe
from tests.attack.site import Site
from tests.attack.talkers import A_SECOND
from tests.attack.watch import Busy, Logged, Memory
from tests.chaos.report import PROBLEMS

PROGRESS_EVERY = 10.0
TRIED_WITHIN = 60.0
"""Seconds by which an attack is prolonged at most, on a busy machine, until everything has been tried."""
ATTACKER = "127.0.0.2"
"""The address of the attackers. The site trusts no proxy, so this machine's addresses have limits as all others."""

FIRST_NUMBER = 1_000_000
"""The number of the first message of each talker during the attack; the attacker that guesses msg_ids knows it."""


@dataclass(frozen=True)
class Plan:
    """What is done, and for how many seconds.

    Attributes:
        names: the attacks.
        calm, attack, recovery: how long each phase lasts.
    """

    names: Sequence[str]
    attack: float = 60.0
    calm: float = 10.0
    recovery: float = 5.0


class Run:
    """A plan, run on a site.

    Args:
        server: what the site runs on.
        site: the site.
        plan: which attacks, for how long.
        say: takes a line of progress.
    """

    def __init__(self, server: str, site: Site, plan: Plan, say: Callable[[str], None]) -> None:
        self._server = server
        self._site = site
        self._plan = plan
        self._say = say
        self._probe = Probe(site.web.ws, site.store.url)
        self._attackers = Attackers(plan.names)
        self._web, self._store = Memory(site.web.process), Memory(site.store.process)
        self._busy = Busy(site.web.process)
        self._busy_share = 0.0
        self._logged = self._logs()

    async def findings(self) -> Findings:
        """Run it, and compare."""
        watching = [asyncio.create_task(memory.follow()) for memory in (self._web, self._store)]
        try:
            async with self._probe.attending():
                await self._phase("calm", self._plan.calm)
                await self._attack()
                self._probe.ledger.begin("recovery")
                await self._phase("recovery", self._plan.recovery)
        finally:
            for task in watching:
                task.cancel()
        return await self._found()

    async def _attack(self) -> None:
        host, _, port = self._site.web.address.partition(":")
        async with self._attackers.attacking(Target(host, int(port), ATTACKER, SIDS[0], FIRST_NUMBER, A_SECOND)):
            for memory in (self._web, self._store):
                memory.begin()
            self._busy.begin()
            self._say(f"{self._server}, the attack begins")
            self._logged = self._logs()
            self._probe.ledger.begin("attack")
            self._probe.count_from(FIRST_NUMBER)
            await self._phase("attack", self._plan.attack)
            await self._attackers.each_tried(TRIED_WITHIN)
        self._busy_share = self._busy.share

    async def _phase(self, name: str, seconds: float) -> None:
        """Let a phase pass, with a line of progress now and then and at its end."""
        passed = 0.0
        while passed < seconds:
            step = min(PROGRESS_EVERY, seconds - passed)
            await asyncio.sleep(step)
            passed += step
            self._say(f"{self._server}, {name} {passed:g} s: {self._progress()}")

    def _progress(self) -> str:
        probe, logged = self._probe, self._logs()[0].since(self._logged[0])
        return (
            f"p99 {p99(probe.clock.took[probe.ledger.phase]):.0f} ms, {probe.ledger.acknowledged:,} acknowledged, "
            f"{probe.joiner.joined} joined, {probe.asker.answered} of {probe.asker.asked} answered; "
            f"web {self._busy.look():.0%} of a core, {self._web.now:.0f} MiB ({self._web.growth:+.0f} at the most), "
            f"store {self._store.now:.0f} MiB; "
            f"{logged.lines:,} lines logged, {logged.tracebacks} tracebacks; "
            f"{sum(self._attackers.attempts.values()):,} attacks"
        )

    def _logs(self) -> tuple[Logged, Logged]:
        return Logged.of(self._site.web.process), Logged.of(self._site.worker)

    async def _found(self) -> Findings:
        compared = await self._probe.compared()
        probe, (web_log, worker_log) = self._probe, self._logs()
        processes = (self._site.web.process, self._site.worker, self._site.store.process)
        return Findings(
            server=self._server,
            calm_ms=probe.clock.took[0],
            attack_ms=probe.clock.took[1],
            due=A_SECOND_IN_ALL * self._plan.attack,
            problems=Counter({kind: compared.total(kind) for kind in PROBLEMS}),
            unanswered=compared.total("not known"),
            refused=probe.refused,
            joined=probe.joiner.joined,
            joins_wrong=probe.joiner.wrong,
            join_seconds=probe.joiner.longest,
            asked=probe.asker.asked,
            answered=probe.asker.answered,
            answer_seconds=probe.asker.longest,
            web_mib=(self._web.before, self._web.most, self._web.look()),
            store_mib=(self._store.before, self._store.most, self._store.look()),
            web_busy=self._busy_share,
            web_log=web_log.since(self._logged[0]),
            worker_log=worker_log.since(self._logged[1]),
            failures=[f"{process.name} has ended." for process in processes if not process.running],
            attempts=self._attackers.attempts,
            answers=self._attackers.answers,
        )
