"""`GET /api/chat/search` with open access: sessions that the caller names."""

from typing import Any
from urllib.parse import urlencode

import pytest
import redis

from doqchat.store import keys
from tests.archive.archived import BEGAN, archive
from tests.chat.fetch import Answer, fetch
from tests.processes import Web


def search(web: Web, **query: Any) -> Answer:
    return fetch(web, f"/api/chat/search?{urlencode(query, doseq=True)}")


@pytest.mark.django_db(transaction=True)
def test_a_hit_says_where_who_and_what(any_server: Web, store: "redis.Redis", sid: str) -> None:
    store.hset(keys.settings(sid), "title", "여행 계획")
    text = "<b>다음 주에</b> 부산에서 만나요. " + "그리고 " * 100
    (entry_id,) = archive(sid, text, role="B", name="민지")
    answer = search(any_server, q="부산 만나", sid=sid)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    page = answer.json
    (hit,) = page.pop("hits")
    assert page == {"next": None, "unreadable": []}
    excerpt = hit.pop("excerpt")
    assert hit == {
        "sid": sid,
        "title": "여행 계획",
        "id": entry_id,
        "event": "chat.message",
        "role": "B",
        "name": "민지",
        "time": "2023-11-22T08:20:34.567Z",
    }
    assert excerpt["text"].startswith("<b>다음 주에</b> 부산에서 만나요.")
    assert excerpt["text"].endswith("…")
    assert [excerpt["text"][first:last] for first, last in excerpt["matches"]] == ["부산", "만나"]


@pytest.mark.django_db(transaction=True)
def test_pages_have_all_hits_of_the_named_sessions(server: Web, sid: str) -> None:
    for number in range(5):
        archive(f"{sid}-{number % 2}", f"부산 {number}", began=BEGAN + number)
    archive(f"{sid}-other", "부산")
    for order in ("newest", "rank"):
        query = {"q": "부산", "sid": [f"{sid}-0", f"{sid}-1"], "order": order, "limit": 2}
        texts = []
        while True:
            page = search(server, **query).json
            texts += [hit["excerpt"]["text"] for hit in page["hits"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert texts == [f"부산 {number}" for number in range(4, -1, -1)]


@pytest.mark.django_db(transaction=True)
def test_filters_apply(server: Web, sid: str) -> None:
    archive(sid, "부산 1", "부산 2")
    archive(sid, "부산 3", began=BEGAN + 2, role="llm", event="llm.response")
    for filters, expected in (
        ({"participant": "llm"}, ["부산 3"]),
        ({"event": "chat.message"}, ["부산 2", "부산 1"]),
        ({"after": "2023-11-22T08:20:34.568Z"}, ["부산 3", "부산 2"]),
        ({"before": "2023-11-22T08:20:34.568Z"}, ["부산 1"]),
    ):
        hits = search(server, q="부산", sid=sid, **filters).json["hits"]
        assert [hit["excerpt"]["text"] for hit in hits] == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"q": ""}, "q"),
        ({"q": " "}, "q"),
        ({"q": "가"}, "q"),
        ({"q": "\u0301" * 5}, "q"),
        ({"q": "?!…"}, "q"),
        ({"q": "가" * 1_000}, "q"),
        ({"sid": None}, "sid"),
        ({"sid": "no session"}, "sid"),
        ({"sid": [f"s{number}" for number in range(101)]}, "sid"),
        ({"cursor": "next"}, "cursor"),
        ({"cursor": "9" * 20}, "cursor"),
        ({"order": "oldest"}, "order"),
        ({"limit": 101}, "limit"),
        ({"before": "soon"}, "before"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_name(server: Web, sid: str, query: dict[str, Any], field: str) -> None:
    answer = search(
        server, **{name: value for name, value in ({"q": "부산", "sid": sid} | query).items() if value is not None}
    )
    assert (answer.status, answer.json["error"]["code"], answer.json["error"]["field"]) == (
        400,
        "invalid_message",
        field,
    )


def test_a_search_of_10000_characters_is_refused(any_server: Web, sid: str) -> None:
    answer = search(any_server, q="x" * 10_000, sid=sid)
    assert (answer.status, answer.json["error"]["field"]) == (400, "q")


@pytest.mark.django_db(transaction=True)
def test_a_cursor_of_another_search_is_harmless(server: Web, sid: str) -> None:
    archive(sid, "부산")
    for cursor in ("0", "9" * 19, "1.9999", f"{2**63 - 1}"):
        assert search(server, q="부산", sid=sid, cursor=cursor).status == 200


def test_the_whole_site_is_for_staff(server: Web, sid: str) -> None:
    answer = search(server, q="부산", scope="site")
    assert (answer.status, answer.json["error"]["code"]) == (403, "forbidden")
