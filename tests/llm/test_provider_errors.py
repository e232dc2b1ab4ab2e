"""What providers' errors mean, in whichever form they are written: as a response, or as an event of a stream."""

import json
import time
from email.utils import formatdate
from typing import Any

import pytest

from doqchat.llm import refusals
from doqchat.llm.answers import LLMError, Piece
from doqchat.llm.google_genai import GoogleGenAI
from doqchat.llm.google_generativeai import GoogleGenerativeAI
from doqchat.llm.openai import OpenAI
from doqchat.llm.provider import ProviderLLM
from doqchat.llm.refusals import Refusal
from doqchat.llm.retry_after import seconds_in_body, seconds_in_headers
from tests.llm.conftest import USUAL_ANSWER, error_of
from tests.llm.raw_answers import answer, event, refusal, streamed
from tests.stand_ins.hostile import HostileStandIn

both_of_today = pytest.mark.parametrize("backend", [GoogleGenAI, OpenAI])

WORDS = "cannot do that"
SHAPES: list[Any] = [
    {"error": {"message": WORDS, "type": "invalid_request_error", "param": None, "code": None}},
    {"error": {"code": 400, "message": WORDS, "status": "INVALID_ARGUMENT"}},
    [{"error": {"code": 400, "message": WORDS}}],
    {"object": "error", "message": WORDS, "type": "BadRequestError", "code": 400},
    {"object": "error", "message": {"detail": [{"msg": WORDS}]}, "code": "3000"},
    {"type": "error", "error": {"type": "invalid_request_error", "message": WORDS}},
    {"error": WORDS},
    {"error": WORDS, "error_type": "validation"},
    {"error": {"error": {"message": WORDS}}},
    {"errors": [{"code": 7003, "message": WORDS}], "success": False},
    {"detail": WORDS},
    {"detail": [{"loc": ["body", "messages"], "msg": WORDS, "type": "value_error"}]},
    {"message": WORDS},
    {"error": True, "message": WORDS},
    {"success": False, "message": WORDS},
    {"code": "E1", "msg": WORDS},
    {"choices": [], "error": {"code": "bad_thing", "message": WORDS}},
    {"choices": [{"delta": {"content": ""}, "finish_reason": "error", "error": {"code": "bad", "message": WORDS}}]},
]


@pytest.mark.parametrize("body", SHAPES, ids=json.dumps)
async def test_an_error_of_any_form_has_a_code_and_its_words_in_the_log(
    backend: type[ProviderLLM],
    asking: ProviderLLM,
    hostile: HostileStandIn,
    body: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hostile.says = answer(streamed(backend, json.dumps(body)))
    in_stream = await error_of(asking, "안녕")
    hostile.says = refusal("400 Bad Request", body)
    refused = await error_of(asking, "안녕")

    assert (in_stream.code, refused.code) == ("failed", "failed")
    assert [WORDS in record.getMessage() for record in caplog.records] == [True, True]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (b'event: error\ndata: {"message": "cannot do that"}\n\n', "failed"),
        (b"event: error\ndata: cannot do that\n\n", "failed"),
        (b'event: error\ndata: "cannot do that"\n\n', "failed"),
        (b'data: "cannot do that"\n\n', "invalid_response"),
        (b"data: cannot do that\n\n", "invalid_response"),
        (b"data: the server is busy: cannot do that\n\n", "unavailable"),
        (b'{"error": "cannot do that"}', "failed"),
        (b'[{"error": {"message": "cannot do that"}}]', "failed"),
        (b"cannot do that", "invalid_response"),
        (b'data: {"status": {"says": "cannot do that"}}\n\n', "no_answer"),
    ],
)
@both_of_today
async def test_so_has_what_is_none_of_a_stream(
    asking: ProviderLLM, hostile: HostileStandIn, written: bytes, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    hostile.says = answer(written)

    assert (await error_of(asking, "안녕")).code == code
    assert "cannot do that" in caplog.text


async def test_an_error_after_some_text_is_one(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    hostile.says = answer(event(backend, "안녕"), streamed(backend, '{"error": "Overloaded"}'))

    assert (await error_of(asking, "안녕")).code == "unavailable"


async def test_an_answer_and_an_error_in_one_list_are_both_told(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    chunk = event(backend, "안녕").decode().strip().removeprefix("data: ").removesuffix(",")
    hostile.says = answer(streamed(backend, f'[{chunk}, {{"error": "cannot do that"}}]'))
    events = asking.stream("안녕")

    assert await anext(events) == Piece("안녕")
    with pytest.raises(LLMError, match="cannot do that"):
        await anext(events)


async def test_what_was_said_instead_of_an_end_is_in_the_log(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    hostile.says = answer(event(backend, "안녕"), streamed(backend, '{"status": {"says": "cannot do that"}}'))
    error = await error_of(asking, "안녕")

    assert (error.code, "cannot do that" in error.detail) == ("unfinished", True)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (b'{"error": "cannot do that"}', "failed"),
        (b'[{\n  "error": {\n    "code": 503,\n    "message": "cannot do that"\n  }\n}\n]', "unavailable"),
        (b"\xef\xbb\xbfcannot do that", "invalid_response"),
        (b'["cannot do that"]', "invalid_response"),
        (b'[{"text": "cannot do that', "invalid_response"),
        (b"<html>cannot do that", "invalid_response"),
    ],
)
@pytest.mark.parametrize("backend", [GoogleGenerativeAI])
async def test_the_older_sdk_reports_a_response_that_is_not_a_list_of_chunks(
    asking: ProviderLLM, hostile: HostileStandIn, written: bytes, code: str
) -> None:
    hostile.says = answer(written)
    error = await error_of(asking, "안녕")

    assert (error.code, "cannot do that" in error.detail) == (code, True)


SAID: dict[str, list[str]] = {
    "context_too_long": [
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Too many tokens: 9000",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
        "the request exceeds the available context size, try increasing it",
        "Trying to keep the first 5000 tokens when context the overflows.",
        "The decoder prompt (length 50) is longer than the maximum model length of 40.",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "Input is too long for requested model.",
        "Your request exceeded model token limit: 8192",
        "Request too large for model on tokens per minute (TPM): Limit 6000, Requested 7000",
    ],
    "rate_limited": [
        "Rate limit reached for requests",
        "Requests have exceeded token rate limit of your tier. Please retry after 20 seconds.",
        "Too many requests",
    ],
    "unavailable": ["Overloaded", "Model is overloaded", "server busy, please try again", "Loading model"],
    "quota_exhausted": [
        "You exceeded your current quota, please check your plan and billing details.",
        "Insufficient Balance",
        "Your credit balance is too low to access the API.",
        "This request requires more credits: insufficient credits",
        "Budget has been exceeded! Current cost: 1.0, Max budget: 0.5",
    ],
    "unsupported_location": [
        "User location is not supported for the API use.",
        "Country, region, or territory not supported",
        "Access is not allowed from unsupported countries, regions, or territories.",
    ],
    "blocked": ["The response was filtered due to the prompt triggering Azure OpenAI's content management policy."],
}
CODED: dict[str | None, list[dict[str, Any]]] = {
    "context_too_long": [{"code": "context_length_exceeded"}, {"type": "exceed_context_size_error"}, {"code": 413}],
    "rate_limited": [{"status": "RESOURCE_EXHAUSTED"}, {"code": "429"}, {"type": "rate_limit_error"}],
    "unavailable": [{"code": 529}, {"type": "overloaded_error"}, {"type": "server_error"}, {"status": "UNAVAILABLE"}],
    "quota_exhausted": [{"code": "insufficient_quota"}, {"code": 402}],
    "unsupported_location": [{"code": "unsupported_country_region_territory"}],
    "blocked": [{"code": "content_filter"}],
    None: [{"code": "invalid_api_key"}, {"code": 1301}, {"type": "invalid_request_error"}],
}


@pytest.mark.parametrize(("code", "words"), [(code, words) for code, said in SAID.items() for words in said])
@pytest.mark.parametrize("status", [None, 400])
def test_what_a_provider_says_is_what_it_means(code: str, words: str, status: int | None) -> None:
    assert Refusal(words, status=status).code == code


@pytest.mark.parametrize(("code", "error"), [(code, error) for code, all_of_it in CODED.items() for error in all_of_it])
def test_so_is_a_code_a_type_or_a_status(code: str | None, error: dict[str, Any]) -> None:
    read = refusals.told({"error": {"message": "No.", **error}})

    assert read is not None
    assert read.code == code


def test_a_quota_per_minute_is_retried_and_one_per_day_is_not() -> None:
    words = "You exceeded your current quota, please check your plan and billing details."

    def coded(quota: str, *more: dict[str, str]) -> str | None:
        details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]}, *more]
        body = json.dumps({"error": {"code": 429, "message": words, "details": details}})
        return refusals.of_response(429, {}, body.encode()).code

    wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"}
    assert coded("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", wait) == "rate_limited"
    assert coded("GenerateRequestsPerDayPerProjectPerModel-FreeTier", wait) == "quota_exhausted"
    assert coded("GenerateRequestsPerMinutePerProjectPerModel-FreeTier") == "quota_exhausted"


@pytest.mark.parametrize(
    "value",
    [None, 1, "x", [], {}, {"choices": []}, {"error": None}, {"error": {}}, {"type": "ping"}, {"usage": {"x": 1}}],
)
def test_an_object_that_is_not_an_error_is_none(value: Any) -> None:
    assert refusals.told(value) is None


@pytest.mark.parametrize(
    "words",
    [
        "Developer instruction is not enabled for models/gemma-3-27b-it",
        "System role not supported",
        "'system' role is not supported by this model",
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        "Conversation roles must alternate user/assistant/user/assistant/...",
        "Only user and assistant roles are supported!",
        'messages: Unexpected role "system".',
        "This model does not support system messages",
    ],
)
def test_many_forms_of_a_refused_system_message_are_recognised(words: str) -> None:
    assert Refusal(words, status=400).is_of_system_role
    assert not Refusal(words, status=429).is_of_system_role


@pytest.mark.parametrize(
    "words",
    ["The system is overloaded", "system error", "the model is not available", "Your system prompt is too long"],
)
def test_other_words_do_not_say_so(words: str) -> None:
    assert not Refusal(words, status=400).is_of_system_role


@pytest.mark.parametrize("written", ["300 Busy", "529 Overloaded", "429 Too Many Requests"])
async def test_an_unusual_status_is_recognised(asking: ProviderLLM, hostile: HostileStandIn, written: str) -> None:
    hostile.says = refusal(written, b"")

    assert (await error_of(asking, "안녕")).code in ("unavailable", "rate_limited", "not_configured")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "5"}, 5),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "Wednesday, 21-Oct-15 07:28:00 GMT"}, 0),
        ({"retry-after": "Wed Oct 21 07:28:00 2015"}, 0),
        ({"retry-after": "2015-10-21T07:28:00Z"}, 0),
        ({"retry-after": " 5.5s"}, 5.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Wed, 99 Oct 99999 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_headers_say_when_to_try_again(headers: dict[str, str], seconds: float | None) -> None:
    assert seconds_in_headers(headers) == seconds


def test_a_header_may_have_a_time_to_try_again() -> None:
    headers = {"retry-after": formatdate(time.time() + 3600, usegmt=True)}
    assert seconds_in_headers(headers) == pytest.approx(3600, abs=300)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"details": [{"@type": "x"}, {"@type": "type.googleapis.com/RetryInfo", "retryDelay": "5.5s"}]}, 5.5),
        ({"details": [{"retryDelay": {"seconds": 5}}]}, 5),
        ({"details": [{"retryDelay": {"seconds": "1", "nanos": 500_000_000}}]}, 1.5),
        ({"details": [{"retryDelay": {"nanos": 500_000_000}}]}, 0.5),
        ({"details": {"retryDelay": "5s"}}, 5),
        ({"details": "x", "retry_after": 3}, 3),
        ({"metadata": {"retry_after_seconds": 4}}, 4),
        ({"message": "Rate limit reached. Please try again in 20s."}, 20),
        ({"message": "Please try again in 6ms."}, 0.006),
        ({"message": "Please try again in 1m30.5s."}, 90.5),
        ({"message": "Please try again in 1h2m3.5s."}, 3723.5),
        ({"message": "Please try again in 2 minutes."}, 120),
        ({"message": "Please wait 1 minute and 5 seconds."}, 65),
        ({"message": "Retrying after 2 hours is fine."}, 7200),
        ({"message": "Please try again in 500 milliseconds."}, 0.5),
        ({"message": "Please retry in 5.2s."}, 5.2),
        ({"message": "Please retry after 20 seconds."}, 20),
        ({"message": "Please try again.", "details": [None, {"retryDelay": "soon"}]}, None),
    ],
)
def test_an_error_itself_says_when_to_try_again(error: dict[str, Any], seconds: float | None) -> None:
    assert seconds_in_body([error]) == seconds


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["retry-after: 0.4"], {"error": "Overloaded"}),
        (["retry-after-ms: 400"], {}),
        ([], {"error": {"code": 429, "message": "x", "details": [{"retryDelay": "0.4s"}]}}),
    ],
)
async def test_no_request_is_sent_again_before_its_time(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn, lines: list[str], body: Any
) -> None:
    asking.options = asking.options.model_copy(update={"RETRIES": 2, "RETRY_SECONDS": 0.01})
    await asking.prepare()
    hostile.says = refusal("429 Too Many Requests", body, *lines)
    began = time.monotonic()
    await error_of(asking, "안녕")

    assert len(hostile.requests) == 3
    assert time.monotonic() - began >= 0.8


async def test_a_provider_that_asks_for_more_time_than_there_is_is_not_asked_again(
    asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    asking.options = asking.options.model_copy(update={"RETRIES": 2, "RETRY_SECONDS": 0.01})
    hostile.says = refusal("503 Service Unavailable", {}, "retry-after: 3600")

    assert (await error_of(asking, "안녕")).code == "unavailable"
    assert len(hostile.requests) == 1


async def test_an_overload_that_carries_no_status_is_tried_again(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    asking.options = asking.options.model_copy(update={"RETRIES": 1, "RETRY_SECONDS": 0.01})
    told = [[streamed(backend, '{"error": {"message": "Overloaded"}}')], [event(backend, USUAL_ANSWER, "stop")]]
    hostile.says = lambda: answer(*told.pop(0))()

    assert str(await asking.generate("안녕")) == USUAL_ANSWER


@pytest.mark.parametrize(
    ("status", "words", "code"),
    [
        (429, "You exceeded your current quota, please check your plan and billing details.", "quota_exhausted"),
        (403, "Country, region, or territory not supported", "unsupported_location"),
        (400, "prompt is too long", "context_too_long"),
    ],
)
async def test_what_no_retry_helps_is_asked_once(
    asking: ProviderLLM, hostile: HostileStandIn, status: int, words: str, code: str
) -> None:
    asking.options = asking.options.model_copy(update={"RETRIES": 2, "RETRY_SECONDS": 0.01})
    hostile.says = refusal(f"{status} No", {"error": {"message": words}})
    error = await error_of(asking, "안녕")

    assert (error.code, len(hostile.requests)) == (code, 1)
    assert words in error.detail
