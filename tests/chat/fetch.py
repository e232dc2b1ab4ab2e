"""Plain HTTP requests to a running web process."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from tests.client import WITHIN
from tests.processes import Web


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def fetch(
    web: Web, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> Answer:
    """The answer to one request, whatever its status."""
    request = Request(web.http + path, body, method=method, headers=dict(headers or {}))
    try:
        with urlopen(request, timeout=WITHIN) as response:
            return Answer(response.status, response.headers, response.read().decode(errors="replace"))
    except HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.headers, refused.read().decode())


def post(web: Web, sid: str, text: str, headers: Mapping[str, str] | None = None, **hd: Any) -> Answer:
    """The answer to one call of `POST sessions/{sid}/messages` with a `chat.message`."""
    envelope = {"hd": {"event": "chat.message", **hd}, "bd": {"text": text}}
    headers = {"Content-Type": "application/json", **(headers or {})}
    return fetch(web, f"/api/chat/sessions/{sid}/messages", "POST", headers, json.dumps(envelope).encode())


def history(web: Web, sid: str, **query: Any) -> Answer:
    """The answer to one call of `GET history/{sid}`; the query's names are the protocol's."""
    return fetch(web, f"/api/chat/history/{quote(sid, safe='')}?{urlencode(query)}")
