"""The cookies that browsers send: tokens of memberships and, where access is open, what tells browsers apart."""

import re
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any

from django.conf import settings
from django.http import parse_cookie
from django.http.response import HttpResponseBase

MEMBERSHIP = "doqchat-"
"""The prefix of a cookie's name before the session: its value is a token."""

BROWSER = "doqchat_browser"
BROWSER_SECONDS = 365 * 24 * 60 * 60

_BYTES = 16
_VALUE = re.compile(r"[A-Za-z0-9_-]{22}")


def cookies_in(scope: dict[str, Any]) -> dict[str, str]:
    """The cookies of a WebSocket handshake."""
    headers = [value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"]
    return parse_cookie("; ".join(headers))


def browser_in(cookies: Mapping[str, str]) -> str | None:
    """The browser that sends these cookies; None if it has not opened a room here yet."""
    value = cookies.get(BROWSER, "")
    return value if _VALUE.fullmatch(value) else None


def new_browser() -> str:
    """A random value for a browser. It proves nothing but that it is the same browser."""
    return token_urlsafe(_BYTES)


def set_cookie(response: HttpResponseBase, name: str, value: str, seconds: int) -> None:
    """Set a cookie that scripts cannot read, and that browsers send to this site only.

    Args:
        response: the response to the browser.
        name, value: the cookie.
        seconds: how long the browser keeps it.
    """
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
