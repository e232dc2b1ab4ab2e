"""What goes wrong at a provider, alike for all backends: told apart, tried again where that helps, shows no key."""

import logging

import pytest

from doqchat.llm.google_genai import GoogleGenAI
from doqchat.llm.google_generativeai import GoogleGenerativeAI
from doqchat.llm.openai import OpenAI
from doqchat.llm.provider import ProviderLLM
from tests.llm.conftest import USUAL_ANSWER, MakeModel, error_of
from tests.stand_ins.provider import ProviderStandIn

SETTINGS: dict[type[ProviderLLM], str] = {
    GoogleGenAI: "GEMINI_API_KEY",
    GoogleGenerativeAI: "GEMINI_API_KEY",
    OpenAI: "OPENAI_API_KEY",
}


@pytest.mark.parametrize(
    ("marker", "code", "detail"),
    [
        ("empty=1", "no_answer", "no candidates"),
        ("finish=none", "unfinished", "without a finish reason"),
        ("pieces=0", "no_answer", "empty"),
        ("pieces=0 finish=none", "unfinished", "without a finish reason"),
        ("malformed=0", "invalid_response", ""),
        ("malformed=1", "invalid_response", ""),
        ("html=1", "invalid_response", ""),
        ("html=1 status=403", "invalid_response", "a page instead of JSON"),
        ("status=400", "failed", "400"),
        ("status=404", "not_configured", "no model 'model-test'"),
        ("status=429", "rate_limited", "429"),
        ("status=500", "unavailable", "500"),
        ("html=1 status=503", "unavailable", "503"),
        ("drop=9", "unavailable", ""),
        ("cut=0", "unavailable", ""),
        ("cut=1", "unavailable", ""),
    ],
)
async def test_causes_of_failure_are_distinguished(model: ProviderLLM, marker: str, code: str, detail: str) -> None:
    error = await error_of(model, f"[[{marker}]]")

    assert error.code == code
    assert detail in error.detail
    assert detail not in error.message or not detail


async def test_an_answer_of_white_space_counts_as_no_answer(model: ProviderLLM, provider: ProviderStandIn) -> None:
    provider.script = provider.script.with_values({"text": "\n \n"})

    assert (await error_of(model, "안녕")).code == "no_answer"


@pytest.mark.parametrize("marker", ["error=0", "error=1"])
async def test_an_error_told_in_mid_stream_means_what_its_status_would(model: ProviderLLM, marker: str) -> None:
    error = await error_of(model, f"[[{marker}]]")

    assert error.code == "unavailable"
    assert "overloaded" in error.detail


@pytest.mark.parametrize("backend", [GoogleGenAI, OpenAI])
async def test_an_error_is_noticed_amid_what_is_ignored(model: ProviderLLM) -> None:
    assert (await error_of(model, "[[noise=1 error=1]]")).code == "unavailable"


@pytest.mark.parametrize("key", ["wrong-key", "forbidden-key"])
async def test_a_refused_key_is_named_in_the_log_but_never_shown(
    make_model: MakeModel, backend: type[ProviderLLM], key: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="doqchat"):
        error = await error_of(make_model(API_KEY=key), "안녕")

    assert error.code == "not_configured"
    assert "not configured" in error.message
    assert SETTINGS[backend] in caplog.text
    assert key not in caplog.text + str(error) + repr(error)


@pytest.mark.parametrize(("kind", "prompt"), [("wrong-key", "안녕"), ("right-key", "[[malformed=0]]")])
async def test_no_part_of_a_key_is_shown_that_is_longer_than_an_error_detail(
    make_model: MakeModel, kind: str, prompt: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="doqchat"):
        error = await error_of(make_model(API_KEY=kind + "-of-a-gateway" * 100), prompt)

    shown = caplog.text + str(error) + repr(error)
    assert not [part for part in (kind, "gateway") if part in shown]


async def test_a_server_that_is_not_there_is_unavailable(make_model: MakeModel, provider: ProviderStandIn) -> None:
    model = make_model()
    await provider.__aexit__()

    assert (await error_of(model, "안녕")).code == "unavailable"


@pytest.mark.parametrize("marker", ["status=429 times=2", "status=503 times=2", "drop=2"])
async def test_a_failure_before_the_first_piece_is_tried_again(
    model: ProviderLLM, provider: ProviderStandIn, marker: str
) -> None:
    assert str(await model.generate(f"[[{marker}]]")) == USUAL_ANSWER
    assert len(provider.calls) == 3


@pytest.mark.parametrize("marker", ["status=400", "html=1", "cut=1", "error=1"])
async def test_other_failures_and_those_in_mid_answer_are_not(
    model: ProviderLLM, provider: ProviderStandIn, marker: str
) -> None:
    await error_of(model, f"[[{marker}]]")

    assert len(provider.calls) == 1


async def test_retries_stop_after_the_configured_number(make_model: MakeModel, provider: ProviderStandIn) -> None:
    assert (await error_of(make_model(RETRIES=1), "[[status=500]]")).code == "unavailable"
    assert len(provider.calls) == 2


@pytest.mark.parametrize("deadline", ["FIRST_PIECE_SECONDS", "TOTAL_SECONDS"])
async def test_no_retry_begins_after_a_deadline(
    make_model: MakeModel, provider: ProviderStandIn, deadline: str
) -> None:
    model = make_model(RETRY_SECONDS=10, **{deadline: 1})
    await model.prepare()  # loading an SDK may take as long
    error = await error_of(model, "[[status=429]]")

    assert error.code == "rate_limited"
    assert len(provider.calls) == 1
