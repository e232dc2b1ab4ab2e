"""What pages of other sites can do with a browser: neither frame the site's pages, nor read or write sessions."""

import json

import pytest

from tests.chat.fetch import fetch
from tests.processes import Web

FOREIGN = {"Origin": "https://evil.example"}
SIMPLE = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
"""The types that a page can send anywhere without being asked first (CORS)."""


@pytest.mark.parametrize("path", ["/", "/s/room/", "/admin/login/"])
def test_no_page_can_be_framed(any_server: Web, path: str) -> None:
    headers = fetch(any_server, path).headers
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("content_type", SIMPLE)
def test_a_foreign_page_can_write_nothing(any_server: Web, sid: str, content_type: str) -> None:
    body = json.dumps({"hd": {"event": "chat.message"}, "bd": {"text": "hi"}}).encode()
    headers = {**FOREIGN, "Content-Type": content_type}
    assert fetch(any_server, f"/api/chat/sessions/{sid}/messages", "POST", headers, body).status in (400, 415)
    assert fetch(any_server, f"/api/chat/sessions/{sid}").json["messages"] == 0


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_a_foreign_page_can_read_nothing(any_server: Web, sid: str, method: str) -> None:
    for path in (f"/api/chat/history/{sid}", f"/api/chat/sessions/{sid}", f"/s/{sid}/"):
        headers = fetch(any_server, path, method, FOREIGN).headers
        assert [name for name in headers if name.lower().startswith("access-control-")] == []
