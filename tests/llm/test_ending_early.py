"""Answers that end before their time, alike for all backends: the provider's connection is closed."""

import asyncio

import pytest

from doqchat.llm.provider import ProviderLLM
from tests.llm.conftest import MakeModel, error_of
from tests.stand_ins.call import Call
from tests.stand_ins.provider import ProviderStandIn


async def hung_up(call: Call) -> None:
    """Returns when who asked has left before the end of the answer."""
    await asyncio.wait_for(call.ended.wait(), 5)
    assert call.outcome == "left"


async def cancel(model: ProviderLLM, prompt: str, provider: ProviderStandIn) -> None:
    """Ask, and cancel who waits for the answer; the provider has to hear of it."""
    waiting = asyncio.create_task(model.generate(prompt))
    call = await provider.arrivals.get()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await hung_up(call)


@pytest.mark.parametrize(
    ("marker", "deadline"),
    [
        ("silent=1", "FIRST_PIECE_SECONDS"),
        ("hang=0", "FIRST_PIECE_SECONDS"),
        ("hang=2", "IDLE_SECONDS"),
        ("pieces=1000 pace=0.02", "TOTAL_SECONDS"),
    ],
)
async def test_a_deadline_ends_the_answer_and_its_connection_and_is_named_in_the_log(
    make_model: MakeModel, provider: ProviderStandIn, marker: str, deadline: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = make_model()
    await model.generate("the client is made now")
    model.options = model.options.model_copy(update={deadline: 0.3})
    error = await error_of(model, f"[[{marker}]]")

    assert (error.code, error.detail) == ("timeout", f"{deadline} exceeded (0.3 s)")
    assert [record.getMessage() for record in caplog.records] == [f"llms['tested']: timeout ({error.detail})"]
    await hung_up(provider.calls[-1])
    assert len(provider.calls) == 2


@pytest.mark.parametrize("marker", ["silent=1", "hang=0", "hang=2", "pieces=1000 pace=0.01"])
async def test_cancelling_who_waits_closes_the_providers_connection(
    model: ProviderLLM, provider: ProviderStandIn, marker: str
) -> None:
    await cancel(model, f"[[{marker}]]", provider)


async def test_closing_the_stream_between_pieces_closes_the_providers_connection(
    model: ProviderLLM, provider: ProviderStandIn
) -> None:
    events = model.stream("[[pieces=1000 pace=0.01]]")
    await anext(events)
    await events.aclose()

    await hung_up(provider.calls[0])


async def test_cancelling_closes_a_connection_that_leads_through_a_proxy_too(
    make_model: MakeModel, provider: ProviderStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", provider.origin)  # it takes what a proxy would be asked for itself
    await cancel(make_model(BASE_URL=f"http://far.invalid{provider.base_path}"), "[[hang=1]]", provider)
