"""Sessions that staff and programs create, with a link and a token for each person."""

import asyncio
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from chat.access import api_keys
from chat.access.invites import MOST_INVITES
from chat.models import ApiKey, AuditRecord, Invite
from tests.access.credentials import token
from tests.access.guests import guest
from tests.access.operations import INVITES, SESSIONS, calling, calling_with, connecting
from tests.chat.conftest import cookie_of
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api_key(transactional_db: None) -> str:
    return api_keys.create("backend", "sessions")


@pytest.fixture
def staff(transactional_db: None) -> str:
    """The cookie of a signed-in member of the staff."""
    return cookie_of(get_user_model().objects.create_user("staff", is_staff=True))


async def test_a_program_gets_a_link_and_a_token_for_each_person(any_guarded: Web, api_key: str) -> None:
    answer = await asyncio.to_thread(calling, any_guarded, "", api_key, "POST", SESSIONS, {})
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    made = answer.json
    assert [(each["role"], each["uses_left"], each["expires_at"]) for each in made["invites"]] == [
        ("A", 1, None),
        ("B", 1, None),
    ]
    assert all(each["url"].startswith(f"{any_guarded.http}/i/") for each in made["invites"])
    assert list(made["tokens"]) == ["A", "B"]
    assert await connecting(any_guarded, made["sid"], made["tokens"]["B"]) == "yes"
    assert await connecting(any_guarded, made["sid"], api_key) == "unauthenticated"


def test_invites_are_as_they_were_wanted_and_listed_without_their_links(guarded: Web, api_key: str, sid: str) -> None:
    wanted = [{"role": "user", "name": "Ada", "uses": None, "expires_in": 60}, {"role": "observer", "uses": 5}]
    made = calling(guarded, sid, api_key, "POST", SESSIONS, {"sid": sid, "invites": wanted}).json
    assert (made["sid"], list(made["tokens"])) == (sid, ["user", "observer"])
    listed = calling(guarded, sid, api_key, "GET", INVITES, None).json["invites"]
    assert [(each["role"], each["name"], each["uses_left"], each["revoked"]) for each in listed] == [
        ("observer", None, 5, False),
        ("user", "Ada", None, False),
    ]
    assert [each["expires_at"] is None for each in listed] == [True, False]
    assert all("url" not in each for each in listed)


def test_staff_creates_sessions_from_the_sites_own_pages_alone(guarded: Web, staff: str) -> None:
    own, foreign = {"Cookie": staff, "Origin": guarded.http}, {"Cookie": staff, "Origin": "https://evil.example"}
    made = calling_with(guarded, "", own, "POST", SESSIONS, {})
    assert (made.status, made.json["tokens"]) == (201, None)
    for headers in (foreign, {"Cookie": staff}):
        assert calling_with(guarded, "", headers, "POST", SESSIONS, {}).status == 403
    get_user_model().objects.update(is_active=False)
    assert calling_with(guarded, "", own, "POST", SESSIONS, {}).status == 401


def test_staff_creates_a_session_on_the_home_page(guarded: Web, staff: str) -> None:
    _, _, session = staff.partition("=")
    with guest(guarded) as member:
        home = member.open("/")
        assert (home.status_code, 'method="post"' in home.text) == (200, False)
        assert member.press("/", home).status_code == 403
        member.sign_in(session)
        made = member.press("/")
    assert (made.status_code, made.headers["Cache-Control"]) == (200, "no-store")
    assert Invite.objects.count() == 2
    assert made.text.count(f"{guarded.http}/i/") == 2


def test_what_staff_sets_on_the_home_page_holds_for_the_session_and_its_links(guarded: Web, staff: str) -> None:
    with guest(guarded) as member:
        member.sign_in(staff.partition("=")[2])
        assert member.press("/", name_a="a@b").status_code == 400
        assert not Invite.objects.exists()
        made = member.press("/", title="Lesson <1>", name_a="Minji", policy="off", llm="default", role="B")
    assert "Lesson &lt;1&gt;" in made.text
    assert [(each.role, each.name) for each in Invite.objects.order_by("pk")] == [("A", "Minji"), ("B", "")]
    sid = Invite.objects.latest("pk").sid
    own = {"Cookie": staff, "Origin": guarded.http}
    settings = calling_with(guarded, sid, own, "GET", f"{SESSIONS}/{sid}", None).json["settings"]
    assert (settings["title"], settings["name_a"], settings["policy"]) == ("Lesson <1>", "Minji", "off")
    created = AuditRecord.objects.get(sid=sid, action="created")
    assert created.details == {"settings": {"title": "Lesson <1>", "name_a": "Minji", "policy": "off"}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sid": "no sid"}, "sid"),
        ({"sid": ".."}, "sid"),
        ({"invites": []}, "invites"),
        ({"invites": [{"role": "A"}] * 21}, "invites"),
        ({"invites": [{"role": "llm"}]}, "invites.0.role"),
        ({"invites": [{"role": "A", "uses": 0}]}, "invites.0.uses"),
        ({"invites": [{"role": "A", "uses": True}]}, "invites.0.uses"),
        ({"invites": [{"role": "A", "expires_in": 10**9}]}, "invites.0.expires_in"),
        ({"invites": [{"role": "A", "name": "[x]"}]}, "invites.0.name"),
        ({"invite": []}, "invite"),
    ],
)
def test_what_cannot_be_created_is_refused_with_the_field(guarded: Web, api_key: str, body: Any, field: str) -> None:
    answer = calling(guarded, "", api_key, "POST", SESSIONS, body)
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_message"), answer.text
    assert answer.json["error"]["field"] == field
    assert Invite.objects.count() == 0


def test_a_session_has_a_limited_number_of_invites(guarded: Web, api_key: str, sid: str) -> None:
    Invite.objects.bulk_create(Invite(sid=sid, role="A", digest=str(number)) for number in range(MOST_INVITES))
    answer = calling(guarded, sid, api_key, "POST", INVITES, {"role": "A"})
    assert (answer.status, answer.json["error"]["code"]) == (409, "conflict")


def test_a_key_works_until_it_is_revoked_and_for_its_scopes_alone(guarded: Web, api_key: str, sid: str) -> None:
    ApiKey.objects.update(scopes="")
    assert calling(guarded, sid, api_key, "GET", INVITES, None).status == 403
    ApiKey.objects.update(scopes="sessions")
    assert calling(guarded, sid, api_key, "GET", INVITES, None).status == 200
    two = {"Authorization": f"Bearer {api_key}, Bearer {token(sid)}"}
    assert calling_with(guarded, sid, two, "GET", INVITES, None).status == 403
    assert api_keys.revoke("backend")
    assert calling(guarded, sid, api_key, "GET", INVITES, None).status == 401


def test_a_moderator_invites_to_the_own_session_alone(guarded: Web, sid: str) -> None:
    moderator = token(sid, "observer", can=["read", "moderate"])
    assert calling(guarded, sid, moderator, "POST", INVITES, {"role": "B"}).status == 201
    assert calling(guarded, "another", moderator, "POST", INVITES, {"role": "B"}).status == 403
    assert calling(guarded, sid, moderator, "POST", SESSIONS, {"sid": sid}).status == 403


def test_with_open_access_the_links_lead_to_the_room(server: Web, sid: str) -> None:
    made = calling(server, sid, None, "POST", SESSIONS, {"sid": sid}).json
    assert [each["url"] for each in made["invites"]] == [f"{server.http}/s/{sid}/?role={role}" for role in "AB"]
    assert (made["tokens"], Invite.objects.count()) == (None, 0)
    Invite.objects.create(sid=sid, role="A", digest="x")
    assert calling(server, sid, None, "GET", INVITES, None).json["invites"] == []
    assert calling(server, sid, None, "DELETE", f"{INVITES}/{Invite.objects.get().pk}", None).status == 404
