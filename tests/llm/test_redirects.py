"""A provider that redirects is not followed: the key and the conversation go to the configured address alone."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from doqchat.llm.provider import ProviderLLM
from tests.llm.conftest import STAND_INS, error_of
from tests.stand_ins.hostile import HostileStandIn, head

KEY = "right-key"


@pytest.fixture
async def provider() -> AsyncIterator[HostileStandIn]:
    async with HostileStandIn() as server:
        yield server


@pytest.fixture
async def elsewhere() -> AsyncIterator[HostileStandIn]:
    """A second server, which answers whatever it is asked."""
    async with HostileStandIn(
        lambda: [head("200 OK", "content-type: text/event-stream", "content-length: 0")]
    ) as server:
        yield server


@pytest.fixture
def model(backend: type[ProviderLLM], provider: HostileStandIn) -> ProviderLLM:
    address = provider.origin + STAND_INS[backend].base_path
    return backend("tested", {"MODEL": "m", "API_KEY": KEY, "BASE_URL": address, "RETRY_SECONDS": 0.01})


def redirect(status: int, *lines: str) -> Callable[[], list[bytes]]:
    return lambda: [head(f"{status} Moved", "content-length: 0", *lines)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_server_is_not_followed_and_names_the_host_but_not_the_key(
    model: ProviderLLM,
    provider: HostileStandIn,
    elsewhere: HostileStandIn,
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = elsewhere.origin.removeprefix("http://")
    provider.says = redirect(status, f"location: http://user:{KEY}@{place}/v1/{KEY}?key={KEY}")
    with caplog.at_level(logging.DEBUG, logger="doqchat"):
        error = await error_of(model, "안녕")

    assert error.code == "not_configured"
    assert f"redirects ({status}) to {place};" in caplog.text
    assert KEY not in caplog.text + str(error)
    assert (len(provider.requests), elsewhere.requests) == (1, [])


@pytest.mark.parametrize("location", ["/v1/other", "other", "?again=1", "//127.0.0.1:{port}/v1", "http://[", ""])
async def test_neither_is_one_to_the_same_server_or_to_nowhere(
    model: ProviderLLM, provider: HostileStandIn, location: str
) -> None:
    provider.says = redirect(307, f"location: {location.format(port=provider.origin.rpartition(':')[2])}")

    assert (await error_of(model, "안녕")).code == "not_configured"
    assert len(provider.requests) == 1


@pytest.mark.parametrize("lines", [(), ("location: http://\x1b[31m.invalid/",), ("location: " + "x" * 10_000,)])
@pytest.mark.parametrize("status", [300, 304, 305, 399])
async def test_any_other_answer_of_that_kind_is_refused_in_one_short_line(
    model: ProviderLLM, provider: HostileStandIn, status: int, lines: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    provider.says = redirect(status, *lines)
    error = await error_of(model, "안녕")

    assert error.code in ("not_configured", "unavailable")
    assert len(error.detail) <= 500
    assert error.detail.isprintable()
    assert len(provider.requests) in (1, 3)


async def test_a_proxy_that_redirects_is_not_followed_either(
    backend: type[ProviderLLM],
    provider: HostileStandIn,
    elsewhere: HostileStandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", provider.origin)
    provider.says = redirect(307, f"location: {elsewhere.origin}/")
    options: dict[str, Any] = {"MODEL": "m", "API_KEY": KEY, "BASE_URL": "http://far.invalid/v1"}

    assert (await error_of(backend("tested", options), "안녕")).code == "not_configured"
    assert (len(provider.requests), elsewhere.requests) == (1, [])
