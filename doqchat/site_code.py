"""Code of the site that doqchat calls, such as filters: no exception of it may end the event loop or a connection."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def is_failure(error: BaseException) -> bool:
    """Whether code that the current task awaits has failed, also with SystemExit or a CancelledError of its own.

    False if the task itself is cancelled, or the process is interrupted: then the exception must be raised again.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or not task.cancelling()
    return not isinstance(error, KeyboardInterrupt | GeneratorExit)


def for_a_thread(function: Callable[P, T]) -> Callable[P, T]:
    """The function with a RuntimeError in place of StopIteration.

    A future cannot have StopIteration: the coroutine that awaits the thread would never resume.
    """

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except StopIteration as error:
            raise RuntimeError("It raised StopIteration.") from error

    return call
