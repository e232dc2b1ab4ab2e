"""Webhooks are sent to public addresses only, whatever a name resolves to."""

import socket

import pytest
from pytest_django.fixtures import Settings

from chat.webhooks import targets
from chat.webhooks.sender import Sender
from chat.webhooks.signature import new_seed, secret_of
from chat.webhooks.targets import check_url, is_public_address
from tests.stand_ins.webhook_receiver import WebhookReceiver

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
    "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "2002:7f00:1::", "2001:0:7f00:1::1", "2001:db8::1", "not an address",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_on_the_internet_is_private(address: str) -> None:
    assert not is_public_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook", "ftp://example.org/", "https:///hook", "https://", "example.org", "",
        "https://10.0.0.1/", "https://[::1]/", "https://[fe80::1%25eth0]/", "https://user:word@example.org/",
        "https://example.org:0/", "https://example.org:99999/", "https://example.org/a b", "https://example.org/\n",
        "https://예.org/",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_a_target_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(The|This) .*\.$"):
        check_url(url)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:7f00:1]"])
async def test_a_host_that_resolves_to_this_machine_is_not_connected_to(host: str) -> None:
    async with WebhookReceiver() as receiver:
        port = receiver.origin.rpartition(":")[2]
        sender = Sender()
        answer = await sender.send(f"https://{host}:{port}/", [secret_of(new_seed())], "msg_1", b"{}")
        await sender.close()
    assert "public" in answer.error
    assert receiver.connections == 0


async def test_the_address_is_checked_when_the_connection_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolved to a public address when the endpoint was saved can resolve to another one later."""
    check_url("https://example.org/")

    def resolve(host: str, port: int, *_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(targets.PrivateTarget):
        await targets.CheckedBackend().connect_tcp("example.org", 443)


async def test_the_setting_allows_plain_http_and_private_addresses(settings: Settings) -> None:
    allow_private(settings)
    async with WebhookReceiver() as receiver:
        sender = Sender()
        assert await sender.send(receiver.url, [secret_of(new_seed())], "msg_1", b'{"type":"webhook.test"}')
        await sender.close()
    assert len(receiver.requests) == 1


def allow_private(settings: Settings) -> None:
    settings.DOQCHAT = {**settings.DOQCHAT, "WEBHOOK_PRIVATE_TARGETS": True}
