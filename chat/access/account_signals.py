"""Django's signals of users: sockets of users who log out, or whose account changes, are checked on every process."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete, post_save

from doqchat.conf import doqchat_settings
from doqchat.engine import engine
from doqchat.fanout.logins import Logins

log = logging.getLogger(__name__)

_UNIMPORTANT = {"last_login"}
"""Fields of a user that every login changes."""


def connect() -> None:
    """Connect to the signals of users."""
    user_logged_out.connect(_on_logout, dispatch_uid="doqchat")
    post_save.connect(
        _on_save, dispatch_uid="doqchat"
    )  # from all models, because proxies of the user model send their own
    post_delete.connect(_on_change, dispatch_uid="doqchat")


def _on_logout(request: Any, **kwargs: Any) -> None:
    session = getattr(request, "session", None)
    if session is not None and session.session_key:
        _announce(Logins.announce_logout, session.session_key)


def _on_save(created: bool, update_fields: frozenset[str] | None, **kwargs: Any) -> None:
    if not created and (update_fields is None or update_fields - _UNIMPORTANT):
        _on_change(**kwargs)


def _on_change(instance: Any, using: str, **kwargs: Any) -> None:
    if isinstance(instance, get_user_model()) and instance.pk is not None:
        transaction.on_commit(partial(_announce, Logins.announce_change, instance.pk), using=using)


def _announce(announce: Callable[[Logins, Any], Awaitable[None]], what: object) -> None:
    """Announce to all processes, if signed-in users can be members. A failure does not fail the caller."""
    if doqchat_settings().authorize is None:
        return
    try:
        async_to_sync(_publish)(announce, what)
    except Exception as error:
        log.warning("Sockets of a user who has logged out or changed are closed only within a minute: %s", error)


async def _publish(announce: Callable[[Logins, Any], Awaitable[None]], what: object) -> None:
    await announce(engine().logins, what)
