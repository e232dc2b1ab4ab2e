"""Which pages may open a socket."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Protocol

import pytest
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import InvalidStatus

from tests import processes
from tests.client import WITHIN, Client
from tests.processes import Web, port_of

HOSTS = "127.0.0.1,[::1],chat.example.org,.example.net"
ELSEWHERE = "https://app.example.com,http://[2001:db8::1]:8080,https://own.example.net,https://own.example.net:8443"


class Knock(Protocol):
    """Opens a socket with these headers. Returns the connection, or None where the server did not even upgrade it."""

    async def __call__(self, *headers: tuple[str, str]) -> Client | None: ...


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def site(request: pytest.FixtureRequest, store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site with several hosts, to which pages of two other origins may connect."""
    with processes.web(request.param, ALLOWED_HOSTS=HOSTS, DOQCHAT_ORIGINS=ELSEWHERE) as web:
        yield web


@pytest.fixture(scope="module")
def open_site(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that answers to every host."""
    with processes.web(ALLOWED_HOSTS="*") as web:
        yield web


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def knock(stack: AsyncExitStack, site: Web, sid: str) -> Knock:
    return knocking(stack, site, sid)


def knocking(stack: AsyncExitStack, web: Web, sid: str) -> Knock:
    async def knock(*headers: tuple[str, str]) -> Client | None:
        (host, *others) = [value for name, value in headers if name == "Host"]
        connecting = open_socket(
            f"ws://{host}/v1/session/chat?sid={sid}",
            host="127.0.0.1",
            port=port_of(web.http),
            subprotocols=["doqchat.v1"],
            additional_headers=[(n, v) for n, v in headers if n != "Host"] + [("Host", value) for value in others],
            open_timeout=WITHIN,
            close_timeout=WITHIN,
            proxy=None,
        )
        try:
            return Client(await stack.enter_async_context(connecting))
        except InvalidStatus:  # by the server itself
            return None

    return knock


async def is_let_in(client: Client | None) -> bool:
    """Whether the connection joined the session; one that did not was told why."""
    if client is None:
        return False
    frame = await client.recv()
    if frame["hd"]["event"] == "session.welcome":
        return True
    assert frame["hd"]["event"] == "error"
    assert frame["bd"]["code"] == "forbidden"
    assert await client.close_code() == 4403
    return False


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("127.0.0.1:3000", "https://127.0.0.1:3000"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("127.0.0.1:80", "http://127.0.0.1"),
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("chat.example.org", "https://chat.example.org"),
        ("chat.example.org:443", "https://chat.example.org"),
        ("chat.example.org", "https://chat.example.org:443"),
        ("chat.example.org:8443", "https://chat.example.org:8443"),
        ("Chat.Example.org", "HTTPS://CHAT.example.ORG"),
        ("chat.example.org.", "https://chat.example.org."),
        ("a.example.net", "https://a.example.net"),
        ("example.net", "https://example.net"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("chat.example.org", "https://app.example.com"),
        ("127.0.0.1:3000", "https://APP.example.com:443"),
        ("chat.example.org", "http://[2001:DB8::1]:8080"),
        ("own.example.net", "https://own.example.net"),
        ("own.example.net:8443", "https://own.example.net:8443"),
        ("own.example.net:3000", "http://own.example.net:3000"),
        ("chat.example.org", "https://own.example.net"),
    ],
)
@pytest.mark.parametrize("proto", [None, "https", "http"])
async def test_pages_of_the_site_and_of_configured_origins_may_connect(
    knock: Knock, host: str, origin: str, proto: str | None
) -> None:
    forwarded = [("X-Forwarded-Proto", proto)] if proto else []
    assert await is_let_in(await knock(("Host", host), ("Origin", origin), *forwarded))


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:3000", "http://127.0.0.1:8000"),
        ("127.0.0.1:3000", "http://127.0.0.1"),
        ("127.0.0.1", "http://127.0.0.1:443"),
        ("chat.example.org:8080", "https://chat.example.org"),
        ("chat.example.org", "https://evil.example"),
        ("chat.example.org", "https://chat.example.org.evil.example"),
        ("chat.example.org", "https://127.0.0.1"),
        ("a.example.net", "https://b.example.net"),
        ("a.example.net", "https://example.net"),
        ("[::1]:3000", "http://[::1]:3001"),
        ("chat.example.org", "http://app.example.com"),
        ("chat.example.org", "https://app.example.com:8443"),
        ("chat.example.org", "https://sub.app.example.com"),
        ("own.example.net", "http://own.example.net"),
        ("own.example.net:8443", "http://own.example.net:8443"),
        ("chat.example.org", "null"),
        ("chat.example.org", ""),
        ("chat.example.org", "chat.example.org"),
        ("chat.example.org", "https://"),
        ("chat.example.org", "https://["),
        ("chat.example.org", "https://user@chat.example.org"),
        ("chat.example.org", "https://chat.example.org@evil.example"),
        ("chat.example.org", "https://chat.example.org/"),
        ("chat.example.org", "https://chat.example.org https://evil.example"),
        ("chat.example.org", "https://chat.example.org, https://evil.example"),
        ("chat.example.org", "https://chat.example.org:https"),
        ("chat.example.org", "ftp://chat.example.org"),
        ("chat.example.org", "file://"),
    ],
)
async def test_pages_of_other_origins_are_refused(knock: Knock, host: str, origin: str) -> None:
    assert not await is_let_in(await knock(("Host", host), ("Origin", origin)))


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.com"])
async def test_a_host_that_is_not_the_sites_is_refused_to_pages(knock: Knock, origin: str) -> None:
    assert not await is_let_in(await knock(("Host", "evil.example"), ("Origin", origin)))


@pytest.mark.parametrize("doubled", [("Origin", "https://evil.example"), ("Host", "evil.example")])
async def test_a_page_with_two_origins_or_hosts_is_refused(knock: Knock, doubled: tuple[str, str]) -> None:
    once = ("Host", "chat.example.org"), ("Origin", "https://chat.example.org")
    assert not await is_let_in(await knock(*once, doubled))


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
async def test_programs_without_an_origin_may_connect(knock: Knock, host: str) -> None:
    assert await is_let_in(await knock(("Host", host)))


async def test_a_site_that_answers_to_every_host_lets_in_its_own_pages_alone(
    stack: AsyncExitStack, open_site: Web, sid: str
) -> None:
    knock = knocking(stack, open_site, sid)
    assert await is_let_in(await knock(("Host", "any.example"), ("Origin", "https://any.example")))
    for origin in ("https://evil.example", "https://any.example:8443"):
        assert not await is_let_in(await knock(("Host", "any.example"), ("Origin", origin)))


async def test_the_refusal_says_what_to_do(knock: Knock) -> None:
    client = await knock(("Host", "chat.example.org"), ("Origin", "https://evil.example"))
    assert client
    assert (await client.recv())["bd"]["message"] == (
        "Pages of https://evil.example may not connect to chat.example.org; open the page at the server's own address,"
        " or add its origin to DOQCHAT_ORIGINS. A proxy must forward the Host with its port."
    )
