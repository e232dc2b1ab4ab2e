"""OpenTelemetry traces, received over OTLP."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests import processes
from tests.chat.fetch import post
from tests.conftest import Connect
from tests.ports import free_port
from tests.spare_stores import SpareStores
from tests.stand_ins.otlp import Collector, collector

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}  # ms until spans are exported


@dataclass(frozen=True)
class TracedSite:
    """A web process and a worker that export their spans, and who receives them."""

    web: processes.Web
    collector: Collector


@pytest.fixture(scope="module")
def site(all_spare_stores: dict[bool, SpareStores], django_db_setup: None) -> Iterator[TracedSite]:
    with ExitStack() as stack:
        store = stack.enter_context(all_spare_stores[False].lent())
        receiver = stack.enter_context(collector())
        gemini = {"GEMINI_API_KEY": "right-key", "GEMINI_BASE_URL": stack.enter_context(processes.gemini())}
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **SOON, **gemini}
        web = stack.enter_context(processes.web(DOQCHAT_REDIS_URL=store.url, **environment))
        stack.enter_context(processes.llm_worker(store.url, **environment))
        yield TracedSite(web, receiver)


@pytest.mark.slow
async def test_a_message_is_traced_from_its_frame_to_its_delivery(site: TracedSite, connect: Connect, sid: str) -> None:
    client = await connect(site.web, sid, role="A", headers={"X-Request-ID": sid})
    await connect(site.web, sid, role="B")
    await client.say("a secret")
    event = (await client.recv_event("chat.message"))["hd"]["id"]
    (receive,) = site.collector.of_session(sid, "receive chat.message")
    spans = site.collector.of_trace(receive.trace, 3)
    assert [(span.name, span.kind) for span in spans] == [
        ("receive chat.message", "SERVER"),
        ("append", "CLIENT"),
        ("deliver", "CONSUMER"),
    ]
    _, append, deliver = spans
    assert [span.parent for span in spans] == ["", receive.id, append.id]
    assert (deliver.attributes["doqchat.event.id"], deliver.attributes["doqchat.sockets"]) == (event, 2)
    assert receive.attributes["doqchat.x_request_id"] == sid
    assert {span.service for span in spans} == {"doqchat"}
    assert "secret" not in str(spans)


async def test_a_request_is_traced_from_its_frame_over_the_provider_to_the_delivery_of_its_answer(
    site: TracedSite, connect: Connect, sid: str
) -> None:
    client = await connect(site.web, sid, headers={"X-Request-ID": sid})
    await client.send("llm.request", {"prompt": "[[pieces=2]]"}, role="A")
    response = await client.recv_event("llm.response")
    usage = response["bd"]["usage"]
    (receive,) = site.collector.of_session(sid, "receive llm.request")
    spans = site.collector.of_trace(receive.trace, 6)
    _, append, request_delivered, answer, call, answer_delivered = sorted(spans, key=lambda span: span.began)
    assert [answer.name, call.name, call.kind] == ["answer default", "chat gemini-flash-latest", "CLIENT"]
    assert [request_delivered.parent, answer.parent, call.parent, answer_delivered.parent] == [
        append.id,
        receive.id,
        answer.id,
        answer.id,
    ]
    assert answer.attributes["doqchat.reply.id"] == response["bd"]["reply_id"]
    assert answer.attributes["doqchat.x_request_id"] == sid
    assert answer_delivered.attributes["doqchat.event.id"] == response["hd"]["id"]
    assert {name: value for name, value in call.attributes.items() if name.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-flash-latest",
        "gen_ai.output.type": "text",
        "gen_ai.response.model": response["bd"]["model"],
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": usage["input_tokens"],
        "gen_ai.usage.output_tokens": usage["output_tokens"],
    }
    assert call.attributes["server.address"] == "127.0.0.1"


async def test_a_reply_that_fails_has_failed_spans(site: TracedSite, connect: Connect, sid: str) -> None:
    client = await connect(site.web, sid)
    await client.send("llm.request", {"prompt": "[[status=400]]"}, role="A")
    code = (await client.recv_event("llm.error"))["bd"]["code"]
    (answer,) = site.collector.of_session(sid, "answer default")
    spans = site.collector.of_trace(answer.trace, 6)
    failed = {span.name: span.attributes["error.type"] for span in spans if span.failed}
    assert failed == {"answer default": code, "chat gemini-flash-latest": code}


async def test_a_refused_message_is_a_failed_span(site: TracedSite, sid: str) -> None:
    for text, status in (("one", 201), ("another", 409)):
        assert post(site.web, sid, text, role="A", msg_id="m1").status == status
    stored, refused = site.collector.of_session(sid, "receive chat.message", 2)
    assert [stored.failed, refused.failed, refused.attributes["error.type"]] == [False, True, "conflict"]


@pytest.mark.slow
def test_a_process_ends_while_the_collector_is_unreachable(own_store: processes.Store, django_db_setup: None) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with processes.web(
        DOQCHAT_REDIS_URL=own_store.url, OTEL_EXPORTER_OTLP_ENDPOINT=nowhere, OTEL_BSP_SCHEDULE_DELAY="60000"
    ) as web:
        assert post(web, "room", "hi", role="A").status == 201
    assert "Traceback" not in web.process.output


def test_without_an_endpoint_or_the_packages_there_are_no_traces_and_nothing_is_imported() -> None:
    ended = processes.completed([sys.executable, "-m", "tests.end_to_end.untraced"], os.environ)
    assert (ended.stdout, ended.returncode) == ("False []\nFalse\n", 0), ended.stderr
    assert "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, but OpenTelemetry is not installed" in ended.stderr
