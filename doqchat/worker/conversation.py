"""What a model is given to answer a request: read from the session."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from doqchat.llm.base import LLMError
from doqchat.llm.context import Context, Spoken, build, instructions, read
from doqchat.store.settings import Settings
from doqchat.store.stream import Entry, SessionStream
from doqchat.worker.queue import Job

log = logging.getLogger(__name__)

PAGE = 200
"""So many events are read at a time."""

LATER = 400
"""So many that came after the request are looked at for answers to what came before it."""


class Conversations:
    """Reads what the models are given.

    Args:
        stream: where the conversations are.
        settings: what a session tells its model, and what everybody is called there.
        system: instructions of the site for its models; None for none.
    """

    def __init__(self, stream: SessionStream, settings: Settings, system: str | None) -> None:
        self._stream = stream
        self._settings = settings
        self._system = system or ""

    async def context(self, job: Job, budget: int) -> Context:
        """The conversation as it is by now, and the request.

        Args:
            job: the request.
            budget: how much there may be of it, in approximate tokens.

        Raises:
            LLMError: the request is no longer in the session.
            Unavailable: the store cannot tell now.
        """
        request, later, chosen = await asyncio.gather(
            self._stream.get(job.sid, job.request),
            self._stream.read(job.sid, job.request, LATER),
            self._settings.of(job.sid),
        )
        if request is None:
            raise LLMError("failed", detail="the request is no longer in the session")
        names = {"A": chosen.name_a, "B": chosen.name_b}
        earlier = await self._before(job, budget, names)
        return build(
            [*earlier, *read(_envelopes([request, *later]), names)],
            request.id,
            system=instructions(self._system, chosen.system, chosen.name_llm),
            budget=budget,
        )

    async def _before(self, job: Job, budget: int, names: Mapping[str, str]) -> list[Spoken]:
        """What was said before the request, oldest first: at least as much as the budget takes, or all."""
        spoken: list[Spoken] = []
        before, left = job.request, budget
        while left > 0:
            page = await self._stream.read_back(job.sid, before, PAGE)
            said = read(_envelopes(page), names)
            spoken += said
            left -= sum(each.tokens for each in said)
            if len(page) < PAGE:
                break
            before = page[-1].id
        return spoken[::-1]


def _envelopes(entries: Iterable[Entry]) -> Iterator[Any]:
    """The envelopes as clients get them; what is not JSON was not written by doqchat and is left out."""
    for entry in entries:
        try:
            yield from_json(entry.wire())
        except ValueError:
            log.warning("Entry %s is not JSON and is left out of the conversation.", entry.id)
