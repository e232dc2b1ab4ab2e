"""The filters of a site run in order, each within its time, and are named by the settings."""

import asyncio
import logging
from threading import Event
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from doqchat.errors import Unavailable
from doqchat.filters import Filters, Message, Rejected, chain
from doqchat.filters.configured import site_filters
from doqchat.protocol.events import ChatMessage
from tests.filters import examples

PATH = "tests.filters.examples."


def message(text: str) -> Message:
    return Message("room", "A", "chat.message", text)


def of_text(text: str) -> ChatMessage:
    return ChatMessage.model_validate({"text": text})


def configured(*entries: dict[str, Any]) -> Any:
    return override_settings(DOQCHAT={"FILTERS": list(entries)})


async def test_filters_run_in_order_on_the_text_as_it_stands() -> None:
    with configured({"NAME": PATH + "louder"}, {"NAME": PATH + "Ending", "OPTIONS": {"ending": "?"}}):
        assert (await site_filters().apply(message("be quiet"))).text == "be LOUD?"
    with configured({"NAME": PATH + "Ending"}, {"NAME": PATH + "no_tea"}):
        with pytest.raises(Rejected) as refusal:
            await site_filters().apply(message("some tea"))
        assert refusal.value.as_dict() == {
            "code": "rejected",
            "message": "Tea is not allowed here.",
            "filter": PATH + "no_tea",
        }


@pytest.mark.parametrize("text", ["raise", "empty", "number", "long"])
async def test_a_filter_that_fails_is_logged_without_the_text(text: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Unavailable):
        await Filters([("site.failing", examples.failing)]).apply(message(f"{text} 비밀"), check=of_text)
    (record,) = caplog.records
    assert (record.levelno, "site.failing" in record.getMessage()) == (logging.ERROR, True)
    assert "비밀" not in record.getMessage() + str(record.exc_info)


async def test_a_timeout_of_the_filters_own_is_logged_as_such(caplog: pytest.LogCaptureFixture) -> None:
    async def unreachable(message: Message) -> str | None:
        raise TimeoutError

    with pytest.raises(Unavailable):
        await Filters([("lookup", unreachable)]).apply(message("text"))
    assert caplog.messages[-1].startswith("The filter lookup failed: TimeoutError in test_chain.py, line ")


ESCAPES = [SystemExit, StopIteration, asyncio.CancelledError]


@pytest.mark.parametrize("kind", ESCAPES)
@pytest.mark.parametrize("asynchronous", [True, False])
async def test_a_filter_that_raises_what_ends_a_task_fails_as_any_other(
    kind: type[BaseException], asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def raising(message: Message) -> str | None:
        raise kind

    async def raising_later(message: Message) -> str | None:
        await asyncio.sleep(0)
        raise kind

    with pytest.raises(Unavailable):
        await Filters([("odd", raising_later if asynchronous else raising)]).apply(message("text"))
    assert caplog.messages[-1].startswith("The filter odd failed: ")
    assert " in test_chain.py, line " in caplog.messages[-1]


async def test_a_message_whose_filter_is_cancelled_with_its_connection_is_not_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started = asyncio.Event()

    async def waiting(message: Message) -> str | None:
        started.set()
        await asyncio.Event().wait()
        return None

    applying = asyncio.create_task(Filters([("waiting", waiting)]).apply(message("text")))
    await started.wait()
    applying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await applying
    assert caplog.messages == []


async def test_filters_that_hang_are_given_up_and_others_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chain, "FILTER_SECONDS", 0.05)
    end = Event()

    def blocking(message: Message) -> str | None:
        end.wait(10)
        return None

    try:
        for name, filter_ in (("async", examples.hanging), ("sync", blocking)):
            with pytest.raises(Unavailable):
                await Filters([(name, filter_)]).apply(message("hang"))
            assert caplog.messages[-1] == f"The filter {name} failed: it took longer than 0.05 s."
        assert (await Filters([("louder", examples.louder)]).apply(message("quiet"))).text == "LOUD"
    finally:
        end.set()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"NAME": PATH + "nothing"}, f"The filter {PATH}nothing cannot be imported: ImportError: "),
        ({"NAME": "nothing"}, "The filter nothing cannot be imported: ImportError: "),
        ({"NAME": PATH + "WORD"}, f"The filter {PATH}WORD is not callable."),
        ({"NAME": PATH + "louder", "OPTIONS": {"a": 1}}, f"The filter {PATH}louder takes no OPTIONS, because"),
        ({"NAME": PATH + "Ending", "OPTIONS": {"end": "."}}, f"The filter {PATH}Ending refuses its OPTIONS: "),
        ({"NAME": PATH + "Ending", "OPTIONS": {"ending": ""}}, "refuses its OPTIONS: the ending is empty."),
    ],
)
def test_an_invalid_entry_is_a_system_check_error_that_names_it(entry: dict[str, Any], said: str) -> None:
    with configured({"NAME": PATH + "louder"}, entry):
        (problem,) = [problem for problem in run_checks() if str(problem.id).startswith("doqchat.")]
    assert (problem.id, said in problem.msg) == ("doqchat.E009", True)


async def test_filters_that_only_return_cost_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "_THREADS", None)
    assert (await Filters([("no_tea", examples.no_tea)]).apply(message("water"))).text == "water"
    assert not Filters()
