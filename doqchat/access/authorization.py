"""Signed-in users as members: the site's function that gives them access, and what it returns."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from inspect import isawaitable
from typing import Annotated, Any, TypeVar

from asgiref.sync import iscoroutinefunction
from channels.db import database_sync_to_async
from django.utils.module_loading import import_string
from pydantic import ConfigDict, StringConstraints
from pydantic.dataclasses import dataclass

from doqchat.access.principal import Principal, capabilities
from doqchat.access.signed_in import user_of
from doqchat.errors import Forbidden, Unavailable
from doqchat.protocol.names import Capability, DisplayName, MemberRole
from doqchat.site_code import for_a_thread, is_failure

log = logging.getLogger(__name__)

_T = TypeVar("_T")

AUTHORIZE_SECONDS = 5.0
"""Timeout of reading the user, and of the site's function."""

THREADS = 4
"""Maximum number of threads in which users are read and synchronous functions run."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="authorize")


@dataclass(frozen=True, config=ConfigDict(hide_input_in_errors=True))
class Access:
    """What a signed-in user may do in a session: the result of the function that AUTHORIZE names.

    Args:
        role: `A`, `B`, `user` or `observer`.
        can: the capabilities; None for those of the role.
        name: the display name, 1 to 40 characters without brackets, `@` and invisible characters; None for none.

    Raises ValueError for others.
    """

    role: MemberRole
    can: frozenset[Capability] | None = None
    name: Annotated[DisplayName, StringConstraints(min_length=1)] | None = None

    def __post_init__(self) -> None:
        capabilities(self.role, self.can)


class Authorization:
    """Authenticates signed-in users by their Django session.

    Args:
        path: the dotted path of a function `authorize(user, sid)`, synchronous or not, that returns an Access, or None
            to refuse. Synchronous functions run in a thread.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    async def principal(self, sid: str, login: str) -> Principal | None:
        """The principal of the user who is signed in; None if the Django session has no active user.

        Args:
            sid: the session.
            login: the key of the Django session.

        Raises:
            Forbidden: the function refuses the user.
            Unavailable: the function, or reading the user, has failed or has taken too long.
        """
        user = await self._attempt("Reading a signed-in user", _call(user_of, login))
        if user is None:
            return None
        access = await self._attempt(f"AUTHORIZE {self._path}", self._access(user, sid))
        if access is None:
            raise Forbidden("Your account has no access to this session.")
        can = capabilities(access.role, access.can)
        return Principal(sid, access.role, can, access.name, subject=subject_of(user.pk), login=login)

    @cached_property
    def _function(self) -> Callable[[Any, str], Any]:
        return function_at(self._path)

    async def _access(self, user: Any, sid: str) -> Access | None:
        access = await _call(self._function, user, sid)
        if access is not None and not isinstance(access, Access):
            raise TypeError(f"It returned {type(access).__name__}, not Access or None.")
        return access

    async def _attempt(self, what: str, step: Awaitable[_T]) -> _T:
        try:
            async with asyncio.timeout(AUTHORIZE_SECONDS):
                return await step
        except TimeoutError:
            log.error("%s has taken longer than %g s.", what, AUTHORIZE_SECONDS)
        except BaseException as error:
            if not is_failure(error):
                raise
            log.error("%s failed: %s: %s", what, type(error).__name__, error, exc_info=True)
        raise Unavailable("Your access cannot be checked now; try again in a moment.")


def function_at(path: str) -> Callable[[Any, str], Any]:
    """The function with a dotted path; raises ImportError, TypeError, or what its module raises."""
    function = import_string(path)
    if not callable(function):
        raise TypeError("it is not a function")
    return function  # type: ignore[no-any-return]


def subject_of(pk: object) -> str:
    """The `sub` of a signed-in user, by primary key."""
    return f"user:{pk}"


async def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function: here if it is asynchronous, otherwise in a thread."""
    if not iscoroutinefunction(function) and not iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004
        function = database_sync_to_async(for_a_thread(function), thread_sensitive=False, executor=_threads)
    answer = await function(*arguments)
    return await answer if isawaitable(answer) else answer
