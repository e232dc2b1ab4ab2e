"""`manage.py doqchat_llmworker`: a worker, which answers requests to the model until SIGTERM."""

import asyncio
import signal
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvloop
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from chat.checks import require_usable_settings
from chat.webhooks.dispatcher import Dispatcher
from doqchat import tracing
from doqchat.engine import engine
from doqchat.llm import LLMError, llms
from doqchat.serving.garbage import maintain, tune
from doqchat.serving.shutdown import end_soon
from doqchat.serving.start_report import say_what_is_used
from doqchat.worker.worker import Worker


class Command(BaseCommand):
    help = "Take llm.request jobs from the queue, stream the model's replies into their sessions and store them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--supervised", action="store_true", help="do not print the startup report; `doqchat_up` does"
        )

    def handle(self, *args: Any, supervised: bool, **options: Any) -> None:
        try:
            require_usable_settings()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        tracing.start()
        uvloop.run(_work(None if supervised else self._say))

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


async def _work(say: Callable[[str], None] | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        if not stop.is_set():
            end_soon()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    saying = asyncio.create_task(say_what_is_used(say)) if say else None
    current = engine()
    with suppress(LLMError):  # requests report the error
        await llms["default"].prepare()
    tune()
    maintaining = asyncio.create_task(maintain())
    try:
        await Worker(current, [Dispatcher(current).run]).run(stop)
    finally:
        maintaining.cancel()
        if saying:
            saying.cancel()
        await current.close()
