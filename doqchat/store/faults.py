"""Translates failures of the store to protocol errors, and retries while it is unreachable."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from redis.exceptions import RedisError

from doqchat.errors import DoqchatError, Internal, Unavailable, Unreadable
from doqchat.store.causes import cause_of
from doqchat.store.clients import COMMAND_TIMEOUT

log = logging.getLogger(__name__)

STORED_NOTHING = "The store is unavailable: nothing was stored. Send it again."
NOT_KNOWN = "The store did not respond: the outcome is unknown."
UNUSABLE = "The session's data in the store is invalid: nothing was stored. Only the operator can fix it."
NO_ANSWER = "The store did not respond; try again."
TIMED_OUT = f"The store did not respond within {COMMAND_TIMEOUT:g} s (command timeout); try again."

# A key of the wrong type, and a stream whose last entry has the highest possible id.
_UNUSABLE = ("WRONGTYPE", "exhausted the last possible ID")

FIRST_WAIT, LONGEST_WAIT = 0.05, 0.5
"""Seconds between attempts while the store is unreachable; short, so that work resumes promptly."""

_Answer = TypeVar("_Answer")


class Uncertain(Internal):
    """A command was sent and got no response: it may have run, or may still run."""

    status, close_code = 504, 1013


def translate(error: BaseException) -> DoqchatError:
    """The protocol error for a failure of the store."""
    if isinstance(error, DoqchatError):
        return error
    if cause_of(error) is not None:
        return Unavailable(STORED_NOTHING)
    log.error("The store refused a command: %s", error)
    if any(words in str(error) for words in _UNUSABLE):
        return Unreadable(UNUSABLE)
    return Internal()


@contextmanager
def translated() -> Iterator[None]:
    """Raise failures of the store inside the block as DoqchatError."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise translate(error) from error


async def retry_until_available(
    call: Callable[[], Awaitable[_Answer]],
    errors: type[DoqchatError] | tuple[type[DoqchatError], ...] = Unavailable,
) -> _Answer:
    """Retry an idempotent call until the store is available, with exponential backoff.

    Args:
        call: the call.
        errors: errors after which it is retried. Others are raised, and always Unreadable, which is permanent.
    """
    wait = FIRST_WAIT
    while True:
        try:
            return await call()
        except Unreadable:
            raise
        except errors:
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
