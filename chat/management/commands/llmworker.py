"""`manage.py llmworker`: answers requests to the model until it is told to stop."""

import asyncio
import signal
from contextlib import suppress
from typing import Any

import uvloop
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from chat.checks import require_usable_settings
from doqchat.engine import engine
from doqchat.llm import LLMError, llms
from doqchat.replies.worker import Worker
from doqchat.serving.garbage import settle
from doqchat.serving.limits import end_soon


class Command(BaseCommand):
    help = "Take llm.request jobs from the queue, stream the model's replies into their sessions and store them."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            require_usable_settings()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        uvloop.run(_work())


async def _work() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        if not stop.is_set():
            end_soon()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    current = engine()
    with suppress(LLMError):  # whoever asks is told
        await llms["default"].prepare()
    settle()
    try:
        await Worker(current).run(stop)
    finally:
        await current.close()
