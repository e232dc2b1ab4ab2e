"""Runs the filters of a site on a text, in order, each with a deadline."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from inspect import iscoroutinefunction
from pathlib import Path
from traceback import extract_tb
from typing import Any, NamedTuple, cast

from django.db import close_old_connections

from doqchat.coroutines import continued
from doqchat.errors import Rejected, Unavailable
from doqchat.site_code import for_a_thread, is_failure

log = logging.getLogger(__name__)

FILTER_SECONDS = 1.0
"""How long one filter may take for one text."""

_THREADS = ThreadPoolExecutor(8, thread_name_prefix="filter")
"""Separate from asyncio's threads, so that a filter that hangs delays nothing else. Threads start on first use."""


class Message(NamedTuple):
    """What a filter decides about.

    Attributes:
        sid: the session.
        role: who speaks: `A`, `B`, `user` or `llm`.
        event: `chat.message`, `llm.request` or, for the model, `llm.response`.
        text: the text as the filters before have left it; of the model, the answer so far or,
            if it is long, its last sentences.
    """

    sid: str
    role: str
    event: str
    text: str


_Sync = Callable[[Message], str | None]
_Async = Callable[[Message], Coroutine[Any, Any, str | None]]
Filter = _Sync | _Async
"""Returns None to allow the text, or another text in its place; raises Rejected. Sync filters run in a thread."""


class Filtered(NamedTuple):
    """What filters have made of a text, and the names of those that have replaced it."""

    text: str
    replaced_by: list[str]


class Filters:
    """Filters in their order; false if there are none.

    Args:
        filters: each with the name that errors and log lines state.
    """

    def __init__(self, filters: Iterable[tuple[str, Filter]] = ()) -> None:
        self._filters = [(name, _as_async(filter_)) for name, filter_ in filters]

    def __bool__(self) -> bool:
        return bool(self._filters)

    async def apply(self, message: Message, check: Callable[[str], object] = str.encode) -> Filtered:
        """Run the filters on a message.

        Args:
            message: what was said.
            check: raises ValueError for a text that a filter must not return, such as one that is too long.

        Raises:
            Rejected: a filter does not allow it.
            Unavailable: a filter failed, or took longer than FILTER_SECONDS.
        """
        replaced_by: list[str] = []
        for name, filter_ in self._filters:
            try:
                running = filter_(message)
                try:
                    step = running.send(None)
                except StopIteration as end:  # most finish in their first step, before they need a timer
                    text = end.value
                else:
                    text = await _within_deadline(running, step)
                if text is not None and text != message.text:
                    check(text)
                    message = message._replace(text=text)
                    replaced_by.append(name)
            except Rejected as refusal:
                raise Rejected(refusal.message, filter=name) from None
            except BaseException as error:
                if not is_failure(error):
                    raise
                log.error("The filter %s failed: %s.", name, _reason(error))
                raise Unavailable("A filter of this site failed; try again in a moment.") from None
        return Filtered(message.text, replaced_by)


class _TooSlow(Exception):
    """A filter has exceeded FILTER_SECONDS."""


async def _within_deadline(running: Coroutine[Any, Any, str | None], step: Any) -> str | None:
    """The result of a filter whose first step gave the future `step`; raises _TooSlow."""
    deadline = asyncio.timeout(FILTER_SECONDS)
    try:
        async with deadline:
            return await continued(running, step)
    except Rejected:
        raise
    except BaseException as error:
        if deadline.expired() and is_failure(error):
            raise _TooSlow from error
        raise


def _as_async(filter_: Filter) -> _Async:
    if iscoroutinefunction(filter_) or iscoroutinefunction(getattr(filter_, "__call__", None)):  # noqa: B004
        return cast(_Async, filter_)
    call = partial(_call, for_a_thread(cast(_Sync, filter_)))

    async def in_thread(message: Message) -> str | None:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, copy_context().run, call, message)

    return in_thread


def _call(filter_: _Sync, message: Message) -> str | None:
    """Call a filter in a thread, whose connections to the database outlive the call."""
    close_old_connections()
    try:
        return filter_(message)
    finally:
        close_old_connections()


def _reason(error: BaseException) -> str:
    """What went wrong and where, without the exception's message, which may contain the text."""
    if isinstance(error, _TooSlow):
        return f"it took longer than {FILTER_SECONDS:g} s"
    if isinstance(error.__cause__, StopIteration):  # which coroutines and futures replace by a RuntimeError
        error = error.__cause__
    last = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
