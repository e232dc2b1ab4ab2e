"""A member of the staff with a browser: it keeps cookies and follows redirects."""

from http.cookiejar import Cookie, CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from chat.models import ChatSession
from tests.chat.admin_pages import SESSIONS
from tests.chat.conftest import cookie_of
from tests.chat.fetch import Answer
from tests.client import WITHIN
from tests.processes import Web

CSRF_TOKEN = "x" * 32


class Staff:
    """A member of the staff.

    Args:
        web: the server.
        permissions: code names of its permissions on sessions and statistics; `view_chatsession` is one of them.

    Attributes:
        language: of its browser.
    """

    def __init__(self, web: Web, *permissions: str) -> None:
        user = get_user_model().objects.create_user("sora", is_staff=True, first_name="Sora")
        names = ["view_chatsession", *permissions]
        user.user_permissions.set(Permission.objects.filter(content_type__app_label="doqchat", codename__in=names))
        self.subject = f"user:{user.pk}"
        self.language = "en"
        self._base = web.http
        self._jar = CookieJar()
        self._browser = build_opener(HTTPCookieProcessor(self._jar))
        for cookie in (cookie_of(user), f"csrftoken={CSRF_TOKEN}"):
            self._jar.set_cookie(_cookie(*cookie.split("=", 1)))

    def get(self, path: str) -> Answer:
        """A page."""
        return self._open(Request(self._base + path))

    def post(self, path: str, token: str = CSRF_TOKEN, **fields: Any) -> Answer:
        """The page to which a form leads."""
        body = urlencode({"csrfmiddlewaretoken": token, **fields}, doseq=True).encode()
        return self._open(Request(self._base + path, body))

    def act(self, row: ChatSession, name: str, **fields: Any) -> Answer:
        """The page after a confirmed action on a session."""
        return self.post(path_of(row, name), confirmed="yes", **fields)

    def _open(self, request: Request) -> Answer:
        request.add_header("Accept-Language", self.language)
        try:
            with self._browser.open(request, timeout=WITHIN) as response:
                return Answer(response.status, response.headers, response.read().decode())
        except HTTPError as refused:
            with refused:
                return Answer(refused.code, refused.headers, refused.read().decode())


def path_of(row: ChatSession, name: str) -> str:
    """Where an action on a session is confirmed."""
    return f"{SESSIONS}{row.pk}/actions/{name}/"


def _cookie(name: str, value: str) -> Cookie:
    host = "127.0.0.1", False, False
    return Cookie(0, name, value, None, False, *host, "/", True, False, None, True, None, None, {})
