"""The search index: what is found, in which order, and what is no longer found; in both databases."""

import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

from doqchat.archive import gin, search_index, writing
from doqchat.archive import search as searches
from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.archive.search import search
from doqchat.archive.search_index import NoIndex, Wanted, index_of
from doqchat.archive.search_tokens import session_token, tokens_for
from doqchat.archive.writing import Batch
from doqchat.protocol import server
from doqchat.store.search import Filters, search_terms
from tests.archive.archived import BEGAN, archive, body
from tests.archive.databases import database_at, using
from tests.deployment.programs import INSTALL, MISSING, postgresql, postgresql_url
from tests.ports import free_port


@pytest.fixture(scope="module")
def postgresql_database(django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, Any]]:
    if "postgresql" in MISSING:
        pytest.skip(INSTALL)
    with tempfile.TemporaryDirectory(prefix="doqchat-postgresql-") as directory:
        Path(directory).chmod(0o777)
        port = free_port()
        with postgresql(Path(directory), port) as service:
            service.wait()
            database = database_at(postgresql_url(port))
            with django_db_blocker.unblock(), using(database):
                call_command("migrate", verbosity=0)
            yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[None]:
    other = request.param == "postgresql"
    with using(request.getfixturevalue("postgresql_database")) if other else nullcontext():
        yield
        index_of().clear()


pytestmark = pytest.mark.usefixtures("database")


def found(text: str, limit: int = 50, *, ranked: bool = False, **filters: Any) -> list[str]:
    """The texts on all pages of a search."""
    texts, cursor = [], None
    while True:
        page = search(Filters(search_terms(text), **filters), cursor, limit, ranked=ranked)
        said = (server.read_stored(hit.body) for hit in page.hits)
        texts += [each.text for each in said if each is not None]
        if (cursor := page.next) is None:
            return texts


def indexed(text: str) -> int:
    """How many events the index has for a text, whatever the events are now."""
    return len(index_of().find(Wanted(tokens_for(search_terms(text)), None, 0, 2**63 - 1), 100, newest_first=True))


FOUND = [
    ("지난주에 부산에서 만났어요", "부산"),
    ("지난주에 부산에서 만났어요", "만났"),
    (unicodedata.normalize("NFD", "부산에서"), "부산"),
    ("부산에서", unicodedata.normalize("NFD", "부산에")),
    ("Their friendship lasted", "friend"),
    ("Their friendship lasted", "SHIP"),
    ("Die Straße", "strasse"),
    ("AI가 답했어요", "ai"),
    ("AI가 답했어요", "ai가"),
    ("call 010-1234-5678", "1234"),
    ("주문 20261130번", "2026"),
    ("부산으로 여행을 가요", "여행 부산"),
    ("부산  여행\n을", '"부산 여행"'),
    ("부산 여행 a", "여행 a"),
    ("I like C++ and 😊😊", "c++"),
    ("I like C++ and 😊😊", "😊😊"),
    ("x" * 9_000 + "바늘", "바늘"),
]
"""Texts, and what finds each."""


@pytest.mark.slow
def test_texts_are_found(sid: str) -> None:
    archive(sid, *dict.fromkeys(text for text, _ in FOUND), "무관한 말 unrelated 99")
    for text, query in FOUND:
        assert text in found(query), query
        assert "무관한 말 unrelated 99" not in found(query)


def test_other_texts_are_not_found(sid: str) -> None:
    archive(sid, "부산에서 여행", "서울에서 begin ginning nings")
    for query in ("산부", "부산역", '"여행 부산"', "부산에서 trip", "산에 에서 서울", "beginnings"):
        assert found(query) == [], query


def test_pages_have_every_match_of_all_sessions_once_newest_first(sid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gin, "COMPARED", 2)  # so that PostgreSQL's index is used as well
    texts = [f"부산 {number}" for number in range(30)]
    for number, text in enumerate(texts):
        archive(f"{sid}-{number % 3}", text, "서울", began=BEGAN + number * 10)
    for limit in (1, 7, 30):
        assert found("부산", limit) == texts[::-1]


def test_a_page_that_compares_too_much_ends_and_the_next_continues(sid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searches, "MOST_COMPARED", 3)
    archive(sid, "가나 나다 다라", *["나다 가나 다라"] * 20)
    page = search(Filters(search_terms('"가나 나다"')), None, 1, ranked=False)
    assert page.hits == []
    assert page.next is not None
    assert found('"가나 나다"', 1) == ["가나 나다 다라"]


def test_filters_select_by_session_role_event_and_time(sid: str) -> None:
    archive(sid, "부산 하나", role="A")
    archive(sid, "부산 둘", began=BEGAN + 10, role="llm", event="llm.response")
    archive(f"{sid}-2", "부산 셋", began=BEGAN + 20, role="B")
    assert found("부산", sids=[sid]) == ["부산 둘", "부산 하나"]
    assert found("부산", sids=[]) == found("부산", sids=["no-such-session"]) == []
    assert found("부산", participant="B") == ["부산 셋"]
    assert found("부산", event="llm.response") == ["부산 둘"]
    assert found("부산", after=f"{BEGAN + 9}-{2**64 - 1}") == ["부산 셋", "부산 둘"]
    assert found("부산", before=f"{BEGAN + 10}-0") == ["부산 하나"]
    assert found("부산", after=f"{BEGAN}-0", before=f"{BEGAN + 20}-0") == ["부산 둘"]


def test_a_search_by_rank_begins_with_the_terms_side_by_side(sid: str) -> None:
    archive(sid, "여행을 부산으로", "부산 여행", "남부산 쪽 여행", "부산 맛집, 부산 숙소, 여행", "여행 얘기, 부산")
    texts = ["부산 여행", "부산 맛집, 부산 숙소, 여행", "여행 얘기, 부산", "여행을 부산으로", "남부산 쪽 여행"]
    assert found("부산 여행", ranked=True) == found("부산 여행", 2, ranked=True) == texts


def test_what_is_replaced_erased_or_deleted_leaves_the_index(sid: str) -> None:
    ids = archive(sid, "비밀 하나", "비밀 둘", "비밀 셋")
    assert indexed("비밀") == 3
    writing.replace_body(sid, ids[1], body("바꾼 말"))
    assert (found("비밀"), found("바꾼"), indexed("비밀")) == (["비밀 셋", "비밀 하나"], ["바꾼 말"], 2)
    writing.write([Batch(sid, [(ids[0], "A", body("고친 말"))], 1)])
    assert (found("고친"), indexed("비밀")) == (["고친 말"], 1)
    writing.expire(sid, ids[1], None, 10)
    assert (found("고친"), indexed("고친")) == ([], 0)
    writing.erase(sid, 10)
    assert (found("비밀"), indexed("비밀"), indexed("바꾼")) == ([], 0, 0)


def test_what_is_not_stored_is_not_indexed(sid: str) -> None:
    entries = [(f"{BEGAN}-0", "A", body("부산"))]
    with pytest.raises(ValueError, match="has no position"):
        writing.write([Batch(sid, entries, 0), Batch(f"{sid}-2", [("0-99999999999", "A", body("부산"))], 0)])
    assert (ArchivedSession.objects.filter(sid=sid).exists(), indexed("부산")) == (False, 0)


def test_rebuilding_restores_the_index(sid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "_AT_ONCE", 2)
    archive(sid, "부산 하나", "부산 둘", "부산 셋")
    index_of().clear()
    assert found("부산") == []
    assert list(search_index.rebuild()) == [2, 3]
    assert found("부산") == ["부산 셋", "부산 둘", "부산 하나"]


def test_events_without_text_and_foreign_entries_are_not_indexed(sid: str) -> None:
    writing.write([Batch(sid, [(f"{BEGAN}-0", "A", "not JSON"), (f"{BEGAN}-1", "A", body(""))], 0)])
    assert ArchivedEvent.objects.filter(session__sid=sid).count() == 2
    session = session_token(ArchivedSession.objects.get(sid=sid).pk)
    assert index_of().find(Wanted([session], None, 0, 2**63 - 1), 1, newest_first=True) == []


def test_without_an_index_all_events_of_the_sessions_are_candidates(sid: str) -> None:
    archive(sid, "하나", "둘")
    archive(f"{sid}-2", "셋", began=BEGAN + 10)
    keys = list(ArchivedEvent.objects.order_by("pk").values_list("pk", flat=True))
    session = session_token(ArchivedSession.objects.get(sid=sid).pk)
    everything = Wanted(tokens_for(["없는"]), None, keys[0], keys[-1] + 1)
    assert NoIndex().find(everything, 2, newest_first=True) == [keys[2], keys[1]]
    assert NoIndex().find(replace(everything, sessions=[session]), 9, newest_first=False) == keys[:2]


def test_nothing_is_left_of_removed_events_in_a_compacted_index(sid: str) -> None:
    archive(sid, *(f"부산 {number}" for number in range(200)))
    writing.erase(sid, 200)
    index_of().compact()
    assert indexed("부산") == 0
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT sum(length(block)) FROM doqchat_archive_search_data")
            assert cursor.fetchone()[0] < 100
    archive(sid, "부산", began=BEGAN + 1_000)
    assert found("부산") == ["부산"]
