"""`manage.py llmworker`: answers requests to the model until it is told to stop."""

import asyncio
import signal
from typing import Any

import uvloop
from django.core.management.base import BaseCommand

from doqchat.engine import engine
from doqchat.replies.worker import Worker


class Command(BaseCommand):
    help = "Take llm.request jobs from the queue, stream the model's replies into their sessions and store them."

    def handle(self, *args: Any, **options: Any) -> None:
        uvloop.run(_work())


async def _work() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    current = engine()
    try:
        await Worker(current).run(stop)
    finally:
        await current.close()
