"""What the store's failures mean to a client."""

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

STORED_NOTHING = "The store cannot take it now: nothing was stored, send it again."
NOT_KNOWN = "The store has not answered: it is not known whether this was done."
UNUSABLE = "What the store has of this session cannot be used; nothing was stored. Only the operator can help."
NO_ANSWER = "The store has not answered; try again."
TIMED_OUT = f"The store has not answered within {COMMAND_TIMEOUT:g} s (command timeout); try again."

# A key that holds something else, and a stream whose last entry has the highest id that there can be.
_UNUSABLE = ("WRONGTYPE", "exhausted the last possible ID")

FIRST_WAIT, LONGEST_WAIT = 0.05, 0.5
"""Seconds between attempts while the store is away: short, so that all goes on as soon as it is back."""

_Answer = TypeVar("_Answer")


class Uncertain(Internal):
    """A command was sent and its answer has not come: it may have been carried out, or be carried out yet."""

    status, close_code = 504, 1013


def translate(error: BaseException) -> DoqchatError:
    """The error of the wire protocol that stands for a failure of the store."""
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
    """Raise the store's failures inside the block as DoqchatError."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise translate(error) from error


async def insist(
    call: Callable[[], Awaitable[_Answer]],
    errors: type[DoqchatError] | tuple[type[DoqchatError], ...] = Unavailable,
) -> _Answer:
    """Call again and again while the store is away; only for what can be repeated without harm.

    Args:
        call: what is called.
        errors: what it is called again after; all else is raised, and Unreadable, which waiting does not change.
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
