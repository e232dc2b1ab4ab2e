"""`manage.py doqchat_dead list|retry|drop`: the dead letters, requests to the model that failed repeatedly."""

import asyncio
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from chat.management.terminal import terminal_language, visible
from doqchat.engine import engine
from doqchat.errors import DoqchatError, SessionClosed, Unreadable
from doqchat.replies.dead_letters import DeadLetter, DeadLetters

_FIRST_WORDS = 60


class Command(BaseCommand):
    help = "List, retry or delete dead letters: requests to the model that no worker could complete."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["list", "retry", "drop"])
        parser.add_argument("ids", nargs="*", metavar="ID", help="IDs as printed by list")
        parser.add_argument("--all", action="store_true", help="all dead letters")

    def handle(self, *args: Any, action: str, ids: list[str], **options: Any) -> None:
        every = options["all"] or action == "list"
        with override(terminal_language()):
            if bool(ids) == every:
                raise CommandError(_("Give the IDs that `doqchat_dead list` prints, or --all."))
            try:
                asyncio.run(self._do(action, None if every else ids))
            except DoqchatError as error:
                problem = _("The store does not respond. Start it with `make run`, or check DOQCHAT_REDIS_URL.")
                raise CommandError(problem) from error

    async def _do(self, action: str, ids: Sequence[str] | None) -> None:
        current = engine()
        try:
            dead = DeadLetters(current.shards, current.stream)
            jobs = [job for job in await dead.list() if ids is None or job.id in ids]
            unknown = set(ids or ()) - {job.id for job in jobs}
            await {"list": self._list, "retry": self._retry, "drop": self._drop}[action](dead, jobs)
        finally:
            await current.close()
        if unknown:
            raise CommandError(_("There is no request {ids}.").format(ids=", ".join(sorted(unknown))))

    async def _list(self, dead: DeadLetters, jobs: Sequence[DeadLetter]) -> None:
        count = len(jobs)
        found = ngettext("{count} dead letter", "{count} dead letters", count)
        self.stdout.write("\n\n".join([found.format(count=count), *map(_described, jobs)]))

    async def _retry(self, dead: DeadLetters, jobs: Sequence[DeadLetter]) -> None:
        for job in jobs:
            if not job.complete:
                self.stdout.write(_("{id} cannot be retried: its prompt is missing.").format(id=job.id))
        await self._each(jobs, dead.retry, _("{id} was retried; the new reply is {outcome}."))

    async def _drop(self, dead: DeadLetters, jobs: Sequence[DeadLetter]) -> None:
        await self._each(jobs, dead.drop, _("{id} was deleted."))

    async def _each(
        self, jobs: Sequence[DeadLetter], act: Callable[[DeadLetter], Awaitable[object]], done: str
    ) -> None:
        for job in jobs:
            try:
                outcome = await act(job)
            except SessionClosed:
                self.stdout.write(_("{id} cannot be retried: its session is closed.").format(id=job.id))
            except Unreadable:
                self.stdout.write(_("{id} cannot be retried: its session cannot be read.").format(id=job.id))
            else:
                if outcome:
                    self.stdout.write(done.format(id=job.id, outcome=outcome))


def _described(job: DeadLetter) -> str:
    moment = job.died_at.astimezone(get_current_timezone())
    words = " ".join(job.prompt.split())
    return "\n".join(
        [
            f"ID: {job.id}",
            _("Failed: {moment}").format(moment=moment.strftime("%Y-%m-%d %H:%M:%S %z")),
            _("Session: {sid}").format(sid=visible(job.sid)),
            _("Request: {request}").format(request=visible(job.request)),
            _("Reply: {reply}").format(reply=visible(job.reply)),
            _("Model: {alias}").format(alias=visible(job.llm)),
            _("Prompt: {words}").format(words=visible(words[:_FIRST_WORDS]) + "…" * (len(words) > _FIRST_WORDS)),
        ]
    )
