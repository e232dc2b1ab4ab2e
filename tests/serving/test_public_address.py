"""The address that the application sees, whatever the server and the proxy make of it."""

from typing import Any

import pytest

from doqchat.limits.addresses import address_of
from doqchat.serving.connection_limits import ADMIN_BODY_BYTES, body_bytes
from doqchat.serving.public_address import PublicAddress

LOOPBACK = ["127.0.0.1", "::1"]


async def seen(scope: dict[str, Any], *, https: bool = False, path: str = "/", proxies: list[str] = LOOPBACK) -> Any:
    """The scope that reaches the application."""
    reached: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    await PublicAddress(application, https=https, path=path, proxies=proxies)(scope, None, None)
    return reached[0]


def connection(kind: str = "http", path: str = "/", client: str = "127.0.0.1", **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": kind, "path": path, "client": (client, 1234), "headers": raw}


@pytest.mark.parametrize(("kind", "scheme"), [("http", "https"), ("websocket", "wss")])
@pytest.mark.parametrize("headers", [{}, {"x_forwarded_proto": "http"}])
async def test_a_site_reached_by_https_says_so(kind: str, scheme: str, headers: dict[str, str]) -> None:
    assert (await seen(connection(kind, **headers), https=True))["scheme"] == scheme


@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(("kind", "scheme"), [("http", "https"), ("websocket", "wss")])
async def test_a_trusted_proxy_says_by_which_scheme(client: str, kind: str, scheme: str) -> None:
    found = await seen(connection(kind, client=client, x_forwarded_proto="https", x_forwarded_for="192.0.2.7"))
    assert (found["scheme"], found["client"][0]) == (scheme, "192.0.2.7")


@pytest.mark.parametrize("client", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"])
async def test_nobody_else_does(client: str) -> None:
    found = await seen(connection(client=client, x_forwarded_proto="https", x_forwarded_for="192.0.2.7"))
    assert "scheme" not in found
    assert found["client"][0] == client.removeprefix("::ffff:")


async def test_proxies_are_named_by_address_or_network() -> None:
    found = await seen(connection(client="10.1.2.3", x_forwarded_proto="https"), proxies=["10.0.0.0/8"])
    assert found["scheme"] == "https"


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/chat/", "/chat/"),
        ("/chat", "/chat/"),
        ("/chat/s/room/", "/chat/s/room/"),
        ("/s/room/", "/chat/s/room/"),
        ("/", "/chat/"),
        ("/healthz", "/chat/healthz"),
        ("/chatter", "/chat/chatter"),
    ],
)
async def test_a_proxy_may_pass_the_path_on_or_strip_it(asked: str, path: str) -> None:
    found = await seen(connection(path=asked), path="/chat/")
    assert (found["root_path"], found["path"]) == ("/chat", path)


@pytest.mark.parametrize("path", ["/admin/auth/group/1/change/", "/chat/admin/auth/group/1/change/"])
def test_the_admin_may_have_large_forms_below_a_path_too(path: str) -> None:
    assert body_bytes(path) == ADMIN_BODY_BYTES > body_bytes("/chat/api/chat/sessions/x")


async def test_a_site_at_the_root_has_no_root_path_whatever_a_client_says() -> None:
    found = await seen(connection(path="/s/room/") | {"root_path": "/elsewhere"})
    assert (found["root_path"], found["path"]) == ("", "/s/room/")


@pytest.mark.parametrize(
    ("client", "forwarded", "proxies", "address"),
    [
        ("192.0.2.1", None, LOOPBACK, "192.0.2.1"),
        ("192.0.2.1", "192.0.2.7", LOOPBACK, "192.0.2.1"),
        ("127.0.0.1", "192.0.2.7", LOOPBACK, "192.0.2.7"),
        ("127.0.0.1", "203.0.113.9, 192.0.2.7", LOOPBACK, "192.0.2.7"),
        ("127.0.0.1", "2001:db8:0:1:2::3", LOOPBACK, "2001:db8:0:1::/64"),
        ("127.0.0.1", "::ffff:192.0.2.7", LOOPBACK, "192.0.2.7"),
        ("127.0.0.1", None, LOOPBACK, None),
        ("::ffff:127.0.0.1", None, LOOPBACK, None),
        ("127.0.0.1", None, ["10.0.0.1"], "127.0.0.1"),
        ("198.51.100.2", "192.0.2.7", ["*"], "192.0.2.7"),
        ("198.51.100.2", None, ["*"], None),
    ],
)
async def test_limits_count_the_client_and_not_the_proxy(
    client: str, forwarded: str | None, proxies: list[str], address: str | None
) -> None:
    headers = {} if forwarded is None else {"x_forwarded_for": forwarded}
    assert address_of(await seen(connection("websocket", client=client, **headers), proxies=proxies)) == address


async def test_a_proxy_on_a_unix_socket_has_no_limits() -> None:
    assert address_of(await seen(connection() | {"client": None})) is None
