"""A provider that answers without end, without measure or without sense fills no memory and holds up nobody."""

import asyncio
import gzip
import itertools
import json
from collections.abc import Callable, Iterator

import pytest

from doqchat.llm import base, progress, server_sent_events
from doqchat.llm.answers import Finish
from doqchat.llm.google_genai import GoogleGenAI
from doqchat.llm.google_generativeai import GoogleGenerativeAI
from doqchat.llm.openai import OpenAI
from doqchat.llm.provider import ProviderLLM
from tests.llm.conftest import STAND_INS, USUAL_ANSWER, error_of
from tests.llm.raw_answers import STREAM, answer, event
from tests.stand_ins.hostile import HostileStandIn, head
from tests.stand_ins.provider import ProviderStandIn

MEGABYTE = b"x" * 1024 * 1024
NETWORK_BYTES = 24 * 1024 * 1024
"""More than the sockets' buffers between two processes hold."""

both_of_today = pytest.mark.parametrize("backend", [GoogleGenAI, OpenAI])


def endless(first: bytes, part: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: itertools.chain([first], itertools.repeat(part))


@both_of_today
@pytest.mark.parametrize("part", [MEGABYTE, b"data: " + MEGABYTE + b"\n", b"{" + MEGABYTE + b"\n\n"])
async def test_an_event_without_an_end_is_refused_and_its_connection_closed(
    asking: ProviderLLM, hostile: HostileStandIn, part: bytes
) -> None:
    hostile.says = endless(STREAM, part)
    error = await error_of(asking, "안녕")
    await asyncio.wait_for(hostile.left.wait(), 5)

    assert (error.code, error.detail) == ("invalid_response", "an event of more than 1,048,576 characters")
    assert hostile.written < NETWORK_BYTES


@both_of_today
async def test_an_event_in_many_small_parts_is_refused_as_well(
    asking: ProviderLLM, hostile: HostileStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_sent_events, "LONGEST_EVENT", 1000)
    hostile.says = endless(STREAM, b"data: x\n")

    assert (await error_of(asking, "안녕")).code == "invalid_response"


@pytest.mark.parametrize("part", [b": ping\n", b"\n", b"data:\n\n", b"event: x\n\n"])
@both_of_today
async def test_a_stream_that_says_nothing_without_end_meets_the_deadline_of_the_first_piece(
    asking: ProviderLLM, hostile: HostileStandIn, part: bytes
) -> None:
    await asking.prepare()
    asking.options = asking.options.model_copy(update={"FIRST_PIECE_SECONDS": 0.5})
    hostile.says = endless(STREAM, part * 5000)
    error = await error_of(asking, "안녕")
    await asyncio.wait_for(hostile.left.wait(), 5)

    assert error.code == "timeout"


@both_of_today
async def test_pieces_without_a_word_meet_the_same_deadline(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    await asking.prepare()
    asking.options = asking.options.model_copy(update={"FIRST_PIECE_SECONDS": 0.5})
    hostile.says = endless(STREAM, event(backend, "") * 500)

    assert (await error_of(asking, "안녕")).code == "timeout"


@both_of_today
async def test_others_are_answered_while_a_provider_sends_pieces_without_a_word(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    await asking.prepare()
    asking.options = asking.options.model_copy(update={"FIRST_PIECE_SECONDS": 60})
    hostile.says = endless(STREAM, event(backend, "") * 500)
    async with STAND_INS[backend]() as other:
        well = backend("well", {"MODEL": "m", "API_KEY": "right-key", "BASE_URL": other.url})
        flooded = asyncio.create_task(error_of(asking, "안녕"))
        await hostile.asked.wait()
        assert str(await well.generate("안녕")) == USUAL_ANSWER
        assert not flooded.done()
        flooded.cancel()
        await asyncio.wait([flooded])


@both_of_today
async def test_a_hundred_thousand_empty_pieces_are_no_pieces(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn
) -> None:
    many = [event(backend, "") * 1000] * 100
    hostile.says = answer(*many, event(backend, "안녕"), event(backend, "", "stop"))
    events = [each async for each in asking.stream("안녕")]

    assert [getattr(each, "text", None) for each in events] == ["안녕", None]


@pytest.mark.parametrize("part", [b"[" + MEGABYTE, b"[{}," + b'{"candidates":[]},' * 5000])
@pytest.mark.parametrize("backend", [GoogleGenerativeAI])
async def test_the_older_sdk_reads_an_endless_body_no_longer_than_to_the_deadline(
    asking: ProviderLLM, hostile: HostileStandIn, part: bytes
) -> None:
    await asking.prepare()
    asking.options = asking.options.model_copy(update={"FIRST_PIECE_SECONDS": 1})
    hostile.says = endless(head("200 OK", "content-type: application/json", "connection: close"), part)
    error = await error_of(asking, "안녕")
    await asyncio.wait_for(hostile.left.wait(), 5)

    assert error.code in ("timeout", "invalid_response")
    assert hostile.written < NETWORK_BYTES


@pytest.mark.parametrize("first", [b"", b"<html>", b'{"error": {"message": "'])
async def test_of_the_body_of_a_refusal_no_more_is_read_than_tells_why(
    asking: ProviderLLM, hostile: HostileStandIn, first: bytes
) -> None:
    hostile.says = endless(head("400 Bad Request", "content-length: 1000000000") + first, MEGABYTE)
    error = await error_of(asking, "안녕")
    await asyncio.wait_for(hostile.left.wait(), 5)

    assert error.code == ("invalid_response" if first == b"<html>" else "failed")
    assert len(error.detail) <= base.LONGEST_DETAIL
    assert hostile.written < NETWORK_BYTES


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
async def test_a_compressed_body_is_not_unpacked(asking: ProviderLLM, hostile: HostileStandIn, status: str) -> None:
    body = gzip.compress(MEGABYTE)
    hostile.says = lambda: [head(status, "content-encoding: gzip", f"content-length: {len(body)}"), body]
    error = await error_of(asking, "안녕")

    assert (error.code, error.detail) == ("invalid_response", "the response is compressed: gzip")
    assert hostile.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "lines",
    [
        [f"x-{number}: {'y' * 100}" for number in range(10_000)],
        ["x: " + "y" * 1024 * 1024],
        ["content-length: -1"],
        ["transfer-encoding: chunked", "content-length: 5"],
        ["content-length: 99999999999999999999999"],
    ],
    ids=["many", "long", "negative", "both", "huge"],
)
async def test_headers_beyond_measure_or_sense_are_an_error(
    asking: ProviderLLM, hostile: HostileStandIn, lines: list[str]
) -> None:
    hostile.says = lambda: [head("200 OK", "content-type: text/event-stream", *lines)]

    assert (await error_of(asking, "안녕")).code in ("unavailable", "invalid_response", "no_answer")


async def test_an_answer_that_is_too_long_is_cut_off_and_its_provider_hung_up_on(
    model: ProviderLLM, provider: ProviderStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LONGEST_ANSWER", 20)
    reply = await model.generate("[[pieces=1000 pace=0.01]]")

    assert reply.text == "조각 1 🙂 조각 2 🙂 조각 3 🙂 조각 4 🙂 "[:20]
    assert reply.finish == Finish("length", "model-test", None, None)
    await asyncio.wait_for(provider.calls[0].ended.wait(), 5)
    assert provider.calls[0].outcome == "left"


async def test_an_answer_as_long_as_it_may_be_is_whole(model: ProviderLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LONGEST_ANSWER", len(USUAL_ANSWER))
    reply = await model.generate("안녕")

    assert (reply.text, reply.finish.reason) == (USUAL_ANSWER, "stop")


async def test_a_piece_that_is_too_long_is_cut_as_well(model: ProviderLLM, provider: ProviderStandIn) -> None:
    provider.script = provider.script.with_values({"text": "🙂" * 100_000, "pieces": 1})
    reply = await model.generate("안녕")

    assert (len(reply.text), reply.finish.reason) == (progress.LONGEST_ANSWER, "length")


@both_of_today
@pytest.mark.parametrize("count", [-1, 10**12, 10**30, None])
async def test_a_count_of_tokens_that_cannot_be_true_is_none(
    backend: type[ProviderLLM], asking: ProviderLLM, hostile: HostileStandIn, count: int | None
) -> None:
    usage = {
        "usage": {"prompt_tokens": count, "completion_tokens": count},
        "usageMetadata": {"promptTokenCount": count, "candidatesTokenCount": count},
        "model": "m" * 10_000,
        "modelVersion": "m" * 10_000,
    }
    hostile.says = answer(event(backend, "안녕", "stop", **usage))
    reply = await asking.generate("안녕")

    assert reply.text == "안녕"
    assert (reply.finish.input_tokens, reply.finish.output_tokens) == (None, None)
    assert len(reply.finish.model) == progress.LONGEST_MODEL_NAME


@both_of_today
@pytest.mark.parametrize(
    "data",
    [
        b'data: {"choices": {}, "candidates": {}}',
        b'data: {"choices": [{"delta": {"content": 5}}], "candidates": [{"content": 5}]}',
        b"data: " + b'{"error":' * 5000,
        b"data: []",
        b"data: 1",
        b"data: \xff\xfe",
    ],
)
async def test_an_event_without_sense_is_an_invalid_response(
    asking: ProviderLLM, hostile: HostileStandIn, data: bytes
) -> None:
    hostile.says = answer(data, b"\n\n")

    assert (await error_of(asking, "안녕")).code == "invalid_response"


async def test_what_a_provider_writes_is_one_line_in_the_log(
    asking: ProviderLLM, hostile: HostileStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    body = json.dumps({"error": {"code": 400, "message": "no\r\nCRITICAL forged\x1b[2J\x00\u2028"}}).encode()
    hostile.says = lambda: [head("400 Bad Request", f"content-length: {len(body)}"), body]
    error = await error_of(asking, "안녕")

    assert error.detail.isprintable()
    assert all(record.getMessage().isprintable() for record in caplog.records)
