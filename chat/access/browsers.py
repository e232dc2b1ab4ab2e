"""Browsers where access is open: a cookie tells people apart who have no credential and maybe no name."""

import re
from collections.abc import Mapping
from secrets import token_urlsafe

from django.conf import settings
from django.http.response import HttpResponseBase

COOKIE = "doqchat_browser"

_BYTES = 16
_VALUE = re.compile(r"[A-Za-z0-9_-]{22}")
_YEAR = 365 * 24 * 60 * 60


def browser_in(cookies: Mapping[str, str]) -> str | None:
    """The browser that sends these cookies; None if it has not opened a room here yet."""
    value = cookies.get(COOKIE, "")
    return value if _VALUE.fullmatch(value) else None


def new_browser() -> str:
    """A random value for a browser. It proves nothing but that it is the same browser."""
    return token_urlsafe(_BYTES)


def set_cookie(response: HttpResponseBase, browser: str) -> None:
    """Have the browser send its value from now on."""
    response.set_cookie(
        COOKIE,
        browser,
        max_age=_YEAR,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
