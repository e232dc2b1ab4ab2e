"""Reads the context of a request from its session."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from doqchat.llm.base import LLMError
from doqchat.llm.context import Context, Spoken, build, instructions, read
from doqchat.protocol import server
from doqchat.store.reader import Entry
from doqchat.store.settings import Settings
from doqchat.store.stream import SessionStream
from doqchat.worker.queue import Job

log = logging.getLogger(__name__)

PAGE = 200
"""Events per read."""

LATER = 400
"""Maximum number of events after the request that are searched for answers to earlier requests."""


class Conversations:
    """Builds the context for requests.

    Args:
        stream: the sessions' streams.
        settings: the sessions' settings, for instructions and names.
        system: the site's instructions; None for none.
    """

    def __init__(self, stream: SessionStream, settings: Settings, system: str | None) -> None:
        self._stream = stream
        self._settings = settings
        self._system = system or ""

    async def context(self, job: Job, budget: int) -> Context:
        """The current conversation, ending with the request.

        Args:
            job: the request.
            budget: maximum size in approximate tokens.

        Raises:
            LLMError: the request is no longer in the session, or a moderator has removed it.
            Unavailable: the store is unavailable.
        """
        request, later, chosen = await asyncio.gather(
            self._stream.get(job.sid, job.request),
            self._stream.read(job.sid, job.request, LATER),
            self._settings.of(job.sid),
        )
        if request is None:
            raise LLMError("failed", detail="the request is no longer in the session")
        said = server.read_stored(request.body)
        if said is None or not said.text:
            raise LLMError("failed", detail="the request has no text; a moderator may have removed it")
        names = {"A": chosen.name_a, "B": chosen.name_b}
        earlier = await self._before(job, budget, names)
        return build(
            [*earlier, *read(_envelopes([request, *later]), names)],
            request.id,
            system=instructions(self._system, chosen.system, chosen.name_llm),
            budget=budget,
        )

    async def _before(self, job: Job, budget: int, names: Mapping[str, str]) -> list[Spoken]:
        """The messages before the request, oldest first: at least as many as fit the budget, or all."""
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
    """The envelopes as sent to clients; entries that are not JSON come from other programs and are skipped."""
    for entry in entries:
        try:
            yield from_json(entry.wire())
        except ValueError:
            log.warning("Skipped entry %s in the conversation: it is not JSON.", entry.id)
