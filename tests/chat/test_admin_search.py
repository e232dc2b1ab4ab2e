"""The admin's search in the text of all sessions."""

import re
from html import unescape
from urllib.parse import quote

from django.contrib.auth import get_user_model

from chat.admin import search as search_admin
from chat.models import ChatSession
from doqchat.protocol.ids import id_after, time_of
from tests.archive.archived import BEGAN, archive
from tests.chat.admin_pages import SESSIONS
from tests.chat.conftest import Admin, cookie_of
from tests.chat.fetch import fetch
from tests.processes import Web

SEARCH = f"{SESSIONS}search/"


def test_hits_lead_to_their_place_in_the_timeline(any_server: Web, admin: Admin, sid: str) -> None:
    (entry_id,) = archive(sid, "<i>지난주</i> 부산에서 만났어요")
    assert f'href="{SEARCH}"' in admin(any_server, SESSIONS).text
    page = admin(any_server, f"{SEARCH}?q={quote('부산')}").text
    assert "&lt;i&gt;지난주&lt;/i&gt; <mark>부산</mark>에서 만났어요" in page
    (link,) = re.findall(r'href="([^"]*\?before=[^"]*)"', page)
    row = ChatSession.objects.get(sid=sid)
    assert row.created_at == row.last_activity == time_of(entry_id)
    assert unescape(link) == f"{SESSIONS}{row.pk}/change/?before={id_after(entry_id)}"


def test_older_hits_are_on_the_next_page(server: Web, admin: Admin, sid: str) -> None:
    for number in range(search_admin.ON_A_PAGE + 1):
        archive(f"{sid}-{number % 2}", f"부산 {number:02}", began=BEGAN + number)
    page = admin(server, f"{SEARCH}?q={quote('부산')}").text
    (older,) = re.findall(r'href="(\?q=[^"]*)"', page)
    assert page.count("<mark>") == search_admin.ON_A_PAGE
    assert " 00</td>" in admin(server, SEARCH + unescape(older)).text


def test_a_search_that_cannot_be_is_explained(server: Web, admin: Admin) -> None:
    for query in (quote("가"), "%CC%81%CC%81", "?!", "ab&cursor=x"):
        page = admin(server, f"{SEARCH}?q={query}")
        assert (page.status, "Search for at least two consecutive letters or digits." in page.text) == (200, True)
    page = admin(server, f"{SEARCH}?q={'x' * 10_000}").text
    assert "Search for at most 200 characters." in page
    assert "No message contains this." not in page


def test_staff_without_the_permission_searches_nothing(server: Web, transactional_db: None) -> None:
    user = get_user_model().objects.create_user("looker", is_staff=True)
    assert fetch(server, f"{SEARCH}?q=ab", headers={"Cookie": cookie_of(user)}).status == 403
