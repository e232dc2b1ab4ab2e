"""People with an invite link, as their browser behaves: it keeps cookies, and sends the form of a page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import Any

import httpx

from tests.client import WITHIN
from tests.processes import Web


class Guest:
    """A browser without scripts; it follows no redirect."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def open(self, url: str, method: str = "GET") -> httpx.Response:
        """Open a link."""
        return self._client.request(method, httpx.URL(url).path)

    def press(self, url: str, page: httpx.Response | None = None, **fields: Any) -> httpx.Response:
        """Press the button of a page with a form, which is opened before unless it is given."""
        page = page or self.open(url)
        field = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        data = fields | {"csrfmiddlewaretoken": field[1] if field else ""}
        return self._client.post(
            httpx.URL(url).path, data=data, headers={"Origin": f"{self._client.base_url}".rstrip("/")}
        )

    def sign_in(self, session: str) -> None:
        """Sign in: the value is that of Django's session cookie."""
        self._client.cookies.set("sessionid", session)

    def headers(self, sid: str) -> dict[str, str]:
        """What the browser sends with a request of one of the site's pages: its membership, and the Origin."""
        return {"Cookie": f"doqchat-{sid}={self.membership(sid)}", "Origin": f"{self._client.base_url}".rstrip("/")}

    def membership(self, sid: str) -> str | None:
        """The value of the cookie."""
        return self._client.cookies.get(f"doqchat-{sid}")


@contextmanager
def guest(web: Web, language: str = "en") -> Iterator[Guest]:
    """A guest of the site who has no cookies yet."""
    with httpx.Client(
        base_url=web.http, headers={"Accept-Language": language}, timeout=WITHIN, trust_env=False
    ) as client:
        yield Guest(client)


def cookies_of(response: httpx.Response) -> SimpleCookie:
    """The cookies that a response sets, with their attributes."""
    cookies = SimpleCookie()
    for header in response.headers.get_list("Set-Cookie"):
        cookies.load(header)
    return cookies
