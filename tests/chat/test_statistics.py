"""The statistics: counted exactly once when events are archived, and plotted in the admin."""

import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Sum
from django.test import override_settings

from chat.admin.plots import plots, prices_of
from doqchat.archive import writing
from doqchat.archive.models import HourlyCount
from doqchat.llm.base import Prices
from doqchat.llm.checks import entry_problems
from tests.chat.archived import archive
from tests.chat.staff import Staff
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)

START, PLOTS = "/admin/", "/admin/doqchat/statistics/"
SAID = ("chat.message", {"text": "said"})
DEMO = {"BACKEND": "doqchat.llm.demo.DemoLLM"}


def answered(
    request_ms: int, model: str, asked: Any, said: Any, first: int | None = None
) -> tuple[str, dict[str, Any]]:
    bd = {"request_id": f"{request_ms}-0", "text": "x", "model": model, "first_piece_ms": first}
    return "llm.response", bd | {"usage": {"input_tokens": asked, "output_tokens": said}}


def failed(request_ms: int, code: str) -> tuple[str, dict[str, Any]]:
    return "llm.error", {"request_id": f"{request_ms}-0", "code": code, "message": "m"}


def counted(event: str) -> dict[str, int]:
    names = [
        *("events", "input_tokens", "output_tokens", "timed", "milliseconds"),
        *("first_pieces", "first_piece_milliseconds"),
    ]
    return HourlyCount.objects.filter(event=event).aggregate(**{name: Sum(name) for name in names})


def test_each_event_is_counted_once_though_it_is_copied_again(sid: str) -> None:
    now = int(time.time() * 1000)
    for _ in range(2):
        archive(sid, SAID, answered(now - 500, "m", 10, 3, 250), at=now)
    assert counted("chat.message")["events"] == 1
    assert counted("llm.response") == {
        "events": 1, "input_tokens": 10, "output_tokens": 3, "timed": 1, "milliseconds": 1500,
        "first_pieces": 1, "first_piece_milliseconds": 250,
    }  # fmt: skip
    archive(sid, SAID, answered(now - 500, "m", 10, 3, 250), SAID, at=now)
    writing.erase(sid, 10)
    assert counted("chat.message")["events"] == 2


def test_imported_events_are_not_counted(sid: str) -> None:
    archive(sid, SAID, imported=True)
    assert not HourlyCount.objects.exists()


@pytest.mark.parametrize(
    "bd",
    [
        {},
        {"usage": None, "request_id": 5, "first_piece_ms": -5},
        {"usage": {"input_tokens": "many", "output_tokens": -1}, "model": 7, "request_id": "no id"},
        {"usage": {"input_tokens": 10**30}, "request_id": "99999999999999999-0", "model": "m\0" * 200},
    ],
)
def test_what_other_programs_wrote_is_counted_without_numbers(sid: str, bd: dict[str, Any]) -> None:
    archive(sid, ("llm.response", bd))
    assert counted("llm.response") == {
        "events": 1, "input_tokens": 0, "output_tokens": 0, "timed": 0, "milliseconds": 0,
        "first_pieces": 0, "first_piece_milliseconds": 0,
    }  # fmt: skip


def test_the_plots_have_what_was_said_and_answered(sid: str) -> None:
    now = datetime(2026, 11, 30, 3, 30, tzinfo=UTC)
    ms = int(now.timestamp() * 1000)
    archive(sid, SAID, answered(ms - 1_000, "m-1", 1_000_000, 500_000, 1_500), failed(ms - 3_000, "timeout"), at=ms)
    archive(f"{sid[:40]}-old", SAID, at=ms - 40 * 24 * 3600 * 1000)
    archive(f"{sid[:40]}-yesterday", SAID, at=ms - 24 * 3600 * 1000)
    entry = {**DEMO, "MODEL": "m", "PRICES": {"INPUT": 0.3, "OUTPUT": 2.5}}
    with override_settings(DOQCHAT={**settings.DOQCHAT, "LLMS": {"default": entry}}):
        day = {plot.title: plot for plot in plots("day", now)}
        month = {plot.title: plot for plot in plots("month", now)}
    assert (day["Messages"].total, month["Messages"].total) == ("1", "2")
    assert list(day["Messages"].rows)[-1] == ("12:00", ["1"]), "in the time zone of the site"
    assert [row for row in month["Messages"].rows if row[1] != ["0"]] == [("11-29", ["1"]), ("11-30", ["1"])]
    assert list(day["Tokens"].rows)[-1] == ("12:00", ["1,000,000", "500,000"])
    assert list(day["Tokens by model"].rows)[-1] == ("12:00", ["1,500,000"])
    assert list(day["Tokens by model"].series) == ["m-1"]
    assert day["Cost by model"].total == "1.55"
    assert day["Seconds from request to the end of the reply"].total == "2.0"
    assert day["Seconds from request to the first piece of the reply"].total == "1.5"
    assert list(day["Errors by code"].series) == ["timeout"]
    assert len(day["Messages"].labels) == 24
    assert len(month["Messages"].labels) == 30


def test_a_model_of_another_name_costs_what_the_default_costs() -> None:
    entries = {
        "default": {**DEMO, "MODEL": "m-latest", "PRICES": {"INPUT": 1, "OUTPUT": 2}},
        "free": {**DEMO, "MODEL": "local"},
    }
    with override_settings(DOQCHAT={**settings.DOQCHAT, "LLMS": entries}):
        assert prices_of("m-2") == Prices(INPUT=1, OUTPUT=2)
        assert prices_of("local-7b") is None


def test_there_is_no_cost_without_prices(sid: str) -> None:
    archive(sid, answered(1, "m-1", 5, 5), at=int(time.time() * 1000))
    assert "Cost by model" not in [plot.title for plot in plots("day", datetime.now(UTC))]


@pytest.mark.parametrize(
    "prices", [{"INPUT": -1, "OUTPUT": 1}, {"INPUT": 1}, {"INPUT": "1", "OUTPUT": 1}, 5, {"INPUT": float("inf")}]
)
def test_prices_that_are_none_are_a_problem_of_the_settings(prices: Any) -> None:
    ((_, message, _hint), *_) = entry_problems("default", {**DEMO, "PRICES": prices})
    assert "invalid option PRICES" in message


@pytest.mark.parametrize("path", [PLOTS, START])
def test_the_pages_have_bars_and_the_same_numbers_as_a_table(server: Web, sid: str, path: str) -> None:
    now = int(time.time() * 1000)
    archive(sid, SAID, SAID, SAID, *[failed(now, f"code{number}") for number in range(8)], at=now - now % 3_600_000)
    page = Staff(server, "view_statistics").get(f"{path}?period=month").text
    assert re.search(r'<rect class="plot__bar plot__bar--0"[^>]*><title>[\d-]+, messages: 3</title>', page)
    assert "<td>3</td>" in page
    assert "others" in page
    assert "style=" not in page
    assert "<script>" not in page


def test_the_page_needs_its_permission(server: Web) -> None:
    staff = Staff(server)
    assert staff.get(PLOTS).status == 403
    assert PLOTS not in staff.get(START).text
    assert "plot__" not in staff.get(START).text
