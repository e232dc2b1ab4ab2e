"""The admin's list of sessions: those that are only in the archive, its filters and its search."""

import re
import time
from urllib.parse import quote

import pytest
import redis

from chat.models import AuditRecord, ChatSession
from doqchat.archive.models import ArchivedSession
from doqchat.store import keys
from tests.chat.admin_pages import SESSIONS, cells, listed
from tests.chat.archived import archive, leave
from tests.chat.conftest import Admin, Write
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)
SAID = ("chat.message", {"text": "said"})


def test_a_session_that_left_the_store_before_anybody_looked_is_listed(server: Web, admin: Admin, sid: str) -> None:
    admin(server, SESSIONS)
    archive(sid, SAID, SAID)
    leave(sid, title="상담 “closed”", policy="off")
    shown = cells(admin(server, f"{SESSIONS}?q={quote('상담')}").text, sid)
    assert (shown["title"], shown["message_count"], shown["members_online"], shown["replies_under_way"]) == (
        "상담 “closed”", "2", "–", "0"
    )  # fmt: skip
    assert shown["kept"] == "archive"
    row = ChatSession.objects.get(sid=sid)
    assert (row.created_at.timestamp(), row.last_activity.timestamp()) == (1700641234.567, 1700641235.567)


def test_a_session_of_which_only_the_newest_events_are_in_the_store_began_with_its_first(
    server: Web, store: "redis.Redis", admin: Admin, write: Write, sid: str
) -> None:
    (first,) = archive(sid, SAID)
    write(("A", "later"))
    store.hset(keys.own(sid) + "archive", mapping={"last": first, "events": 1})
    store.zadd(keys.SESSIONS, {sid: time.time()})
    shown = cells(admin(server, f"{SESSIONS}?q={sid}").text, sid)
    assert (shown["message_count"], shown["kept"]) == ("2", "–")
    assert ChatSession.objects.get(sid=sid).created_at.timestamp() == 1700641234.567


def test_each_filter_shows_the_sessions_in_its_state_and_no_others(
    server: Web, store: "redis.Redis", admin: Admin, sid: str
) -> None:
    def named(state: str) -> str:
        return f"{sid[:40]}-{state}"

    states = ("online", "replying", "dead", "waiting", "shut", "shut-left", "back", "gone", "held", "said", "refused")
    store.zadd(keys.presence(named("online")), {"A:1": time.time() + 60})
    store.sadd(keys.replies(named("replying")), "r1-0")
    store.xadd(keys.DEAD_LETTERS, {"sid": named("dead"), "request": "1-0", "reply": "r1-0", "llm": "default"})
    own = keys.own(named("waiting"))
    store.mset({own + "current": "r2-0"})
    store.hset(own + "reply:r2-0", mapping={"llm": "none", "lease": "x", "leased_until": (time.time() + 60) * 1000})
    store.rpush(own + "waiting", "r3-0")
    store.zadd(keys.OWING, {named("waiting"): time.time() * 1000})
    store.hset(keys.settings(named("shut")), "closed", "0")
    for state, settings in (("shut-left", {"closed": "0"}), ("back", {"closed": "0"}), ("gone", {"title": "closed"})):
        archive(named(state), SAID)
        leave(named(state), **settings)
    archive(named("held"), SAID)
    ArchivedSession.objects.filter(sid=named("held")).update(hold=True)
    AuditRecord.objects.create(sid=named("said"), action="replaced")
    AuditRecord.objects.create(sid=named("refused"), action="refused")
    store.zadd(keys.SESSIONS, {named(state): time.time() for state in states if state not in ("shut-left", "gone")})

    def found(query: str) -> set[str]:
        page = admin(server, f"{SESSIONS}?q={sid[:40]}&{query}")
        assert page.status == 200
        return {name.removeprefix(f"{sid[:40]}-") for name in listed(page.text)}

    assert found("") == set(states)
    assert found("now=active") == {"online", "replying"}
    assert found("now=stuck") == {"dead", "waiting"}
    assert found("now=closed") == {"shut", "shut-left"}
    assert found("now=left") == {"shut-left", "gone"}
    assert found("record=filtered") == {"said"}
    assert found("record=refused") == {"refused"}
    assert found("record=held") == {"held"}
    assert found("now=nonsense") == set(states)
    assert found("now=left&record=held") == set()
    store.delete(keys.DEAD_LETTERS)


def test_a_filter_that_needs_the_store_says_so_while_it_is_unreachable(
    stranded_server: Web, admin: Admin, row: ChatSession
) -> None:
    page = admin(stranded_server, f"{SESSIONS}?now=active").text
    assert listed(page) == []
    assert "This filter requires it." in re.sub(r"\s+", " ", page)
