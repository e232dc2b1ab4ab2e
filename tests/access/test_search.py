"""Whose sessions a search covers: those of the token, of memberships, of joins, and for staff the site."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import redis
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from chat.models import AuditRecord
from doqchat.access.authorization import subject_of
from doqchat.archive.models import ArchivedSession
from doqchat.store import keys
from tests.access.credentials import token
from tests.archive.archived import archive
from tests.chat.conftest import cookie_of
from tests.chat.fetch import Answer, fetch
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)


def search(web: Web, headers: dict[str, str], **query: Any) -> Answer:
    return fetch(web, f"/api/chat/search?{urlencode({'q': '부산', **query}, doseq=True)}", headers=headers)


def bearer(*tokens: str) -> dict[str, str]:
    return {"Authorization": ", ".join(f"Bearer {each}" for each in tokens)}


def sids(answer: Answer) -> set[str]:
    assert answer.status == 200, answer.text
    return {hit["sid"] for hit in answer.json["hits"]}


@pytest.fixture
def mine(sid: str) -> str:
    """A session, beside which there is another one."""
    archive(sid, "부산")
    archive(f"{sid}-theirs", "부산")
    return sid


def test_a_token_searches_its_session(any_guarded: Web, mine: str) -> None:
    theirs = f"{mine}-theirs"
    assert sids(search(any_guarded, bearer(token(mine)))) == {mine}
    answer = search(any_guarded, bearer(token(mine)), sid=[theirs, mine])
    assert (sids(answer), answer.json["unreadable"]) == ({mine}, [theirs])
    answer = search(any_guarded, bearer(token(mine)), sid=theirs)
    assert (answer.status, answer.json["error"]["code"]) == (403, "forbidden")
    answer = search(any_guarded, bearer(token(mine)), scope="site")
    assert (answer.status, answer.json["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("credential", ["", "nonsense", "dqk_nonsense"])
def test_without_a_valid_credential_nothing_is_searched(guarded: Web, mine: str, credential: str) -> None:
    answer = search(guarded, bearer(credential) if credential else {})
    assert (answer.status, answer.json["error"]["code"]) == (401, "unauthenticated")


def test_a_token_that_may_not_read_searches_nothing(guarded: Web, mine: str) -> None:
    assert search(guarded, bearer(token(mine, can=["send"]))).status == 403


def test_memberships_are_searched_together(guarded: Web, sid: str) -> None:
    for number in range(3):
        archive(f"{sid}-{number}", "부산")
    cookies = "; ".join(f"doqchat-{sid}-{number}={token(f'{sid}-{number}')}" for number in range(2))
    assert sids(search(guarded, {"Cookie": cookies})) == {f"{sid}-0", f"{sid}-1"}


def test_revoked_access_searches_nothing_wherever_the_session_is(
    guarded: Web, guarded_client: "redis.Redis", mine: str
) -> None:
    headers = bearer(token(mine, jti="t1"))
    guarded_client.hset(keys.revoked(mine), "jti:t1", "1")
    assert search(guarded, headers).status == 403
    guarded_client.delete(keys.revoked(mine))
    assert sids(search(guarded, headers)) == {mine}
    ArchivedSession.objects.filter(sid=mine).update(state=json.dumps({"revoked": ["jti:t1", "1"], "settings": {}}))
    assert search(guarded, headers).status == 403
    assert guarded_client.keys(f"*{mine}*") == []


def test_a_session_has_the_title_that_is_in_the_store_or_that_it_had_there_last(
    guarded: Web, guarded_client: "redis.Redis", mine: str
) -> None:
    ArchivedSession.objects.filter(sid=mine).update(state=json.dumps({"settings": ["title", "여행"], "revoked": {}}))
    (hit,) = search(guarded, bearer(token(mine))).json["hits"]
    assert hit["title"] == "여행"
    guarded_client.xadd(keys.stream(mine), {"participant": "A", "body": "{}"})
    (hit,) = search(guarded, bearer(token(mine))).json["hits"]
    assert hit["title"] == ""


def test_a_signed_in_user_searches_sessions_joined_before_if_still_admitted(guarded: Web, mine: str) -> None:
    user = get_user_model().objects.create_user("minji", last_name="A")
    headers = {"Cookie": cookie_of(user)}
    assert search(guarded, headers).status == 401
    AuditRecord.objects.create(sid=mine, action=AuditRecord.Action.JOINED, subject=subject_of(user.pk))
    AuditRecord.objects.create(sid=f"{mine}-theirs", action=AuditRecord.Action.REFUSED, subject=subject_of(user.pk))
    assert sids(search(guarded, headers)) == {mine}
    user.last_name = "refused"
    user.save()
    assert search(guarded, headers).status == 403


def test_the_home_page_lists_the_sessions_that_a_signed_in_user_has_joined_if_still_admitted(
    guarded: Web, mine: str
) -> None:
    user = get_user_model().objects.create_user("minji", last_name="A")
    headers = {"Cookie": cookie_of(user)}
    AuditRecord.objects.create(sid=mine, action=AuditRecord.Action.JOINED, subject=subject_of(user.pk))
    address = f"/s/{mine}/?role=A"
    assert address in fetch(guarded, "/", headers=headers).text
    assert address not in fetch(guarded, "/").text
    user.last_name = "refused"
    user.save()
    assert address not in fetch(guarded, "/", headers=headers).text


def test_staff_with_the_permission_searches_the_site(guarded: Web, mine: str) -> None:
    user = get_user_model().objects.create_user("looker", is_staff=True)
    headers = {"Cookie": cookie_of(user)}
    assert search(guarded, headers, scope="site").status == 403
    user.user_permissions.add(Permission.objects.get(codename="view_chatsession"))
    assert sids(search(guarded, headers, scope="site")) == {mine, f"{mine}-theirs"}
    assert sids(search(guarded, headers, scope="site", sid=mine)) == {mine}
