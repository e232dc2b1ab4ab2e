"""The admin's login, rate limited by login_attempts.py."""

from secrets import token_urlsafe
from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import ngettext

from chat.access.login_attempts import WINDOW_SECONDS, TooManyAttempts, attempt

COOKIE = "doqchat_login"
COOKIE_SECONDS = 180 * 24 * 3600


class LoginForm(AdminAuthenticationForm):
    """The admin's form, which refuses rate-limited attempts before it checks the password.

    Attributes:
        refused: whether this one was.
    """

    refused = False

    def clean(self) -> dict[str, Any]:
        account = self.cleaned_data.get("username")
        if self.request is None or account is None:
            return super().clean()
        try:
            with attempt(account, self.request.META.get("REMOTE_ADDR", ""), _known_browser(self.request, account)):
                return super().clean()
        except TooManyAttempts:
            self.refused = True
        raise ValidationError(_sentence(), code="rate_limited")

    def add_error(self, field: str | None, error: Any) -> None:
        """As Django's, without the traceback: it refers to the form and the form to the error, a cycle that only the
        garbage collector would free.
        """
        if isinstance(error, ValidationError):
            error.__traceback__ = None
        super().add_error(field, error)


def login(request: HttpRequest) -> HttpResponse:
    """The admin's view; 429 for a refused attempt. A successful login sets a cookie that identifies the browser."""
    response = admin.site.login(request)
    form = (getattr(response, "context_data", None) or {}).get("form")
    if request.method == "POST" and form is None:
        _remember_browser(request, response)
    elif isinstance(form, LoginForm) and form.refused:
        response.status_code = 429
        response["Retry-After"] = str(WINDOW_SECONDS)
    return response


def _sentence() -> str:
    minutes = WINDOW_SECONDS // 60
    return ngettext(
        "Too many attempts to log in. Try again in {minutes} minute.",
        "Too many attempts to log in. Try again in {minutes} minutes.",
        minutes,
    ).format(minutes=minutes)


def _known_browser(request: HttpRequest, account: str) -> str:
    """The id of a browser that has logged in to this account before, or an empty string."""
    return request.get_signed_cookie(COOKIE, default="", salt=account, max_age=COOKIE_SECONDS) or ""


def _remember_browser(request: HttpRequest, response: HttpResponse) -> None:
    response.set_signed_cookie(
        COOKIE,
        token_urlsafe(16),
        salt=request.user.get_username(),
        max_age=COOKIE_SECONDS,
        path=reverse("admin:login"),
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
