"""Django's sessions: which user is signed in with a session key."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
from django.utils.crypto import constant_time_compare


def user_of(key: str) -> Any:
    """The active user who is signed in with a Django session; None if there is none. Changes nothing.

    Django's own `get_user` also flushes or renews the session, which requires a response that sets the cookie.

    Args:
        key: the session key: the value of Django's session cookie.
    """
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    backend = session.get(BACKEND_SESSION_KEY)
    if backend not in settings.AUTHENTICATION_BACKENDS or SESSION_KEY not in session:
        return None
    user = load_backend(backend).get_user(get_user_model()._meta.pk.to_python(session[SESSION_KEY]))
    if user is None or not getattr(user, "is_active", True) or not _has_hash(user, session.get(HASH_SESSION_KEY)):
        return None
    return user


def _has_hash(user: Any, known: str | None) -> bool:
    """Whether the password is that of the login; a user model may have no session hash."""
    if not hasattr(user, "get_session_auth_hash"):
        return True
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return known is not None and any(constant_time_compare(known, valid) for valid in hashes)
