"""One attempt: what is sent, and what the response means."""

from collections.abc import AsyncIterator

import pytest
from pytest_django.fixtures import Settings

from chat.webhooks import sender as sending
from chat.webhooks import timing
from chat.webhooks.sender import Sender
from chat.webhooks.signature import headers, new_seed, secret_of
from tests.ports import free_port
from tests.stand_ins.webhook_receiver import WebhookReceiver
from tests.stand_ins.wire import Request, Response

BODY = b'{"type":"webhook.test","data":{"text":"\xec\x95\x88\xeb\x85\x95"}}'


@pytest.fixture
async def sender(settings: Settings) -> AsyncIterator[Sender]:
    settings.DOQCHAT = {**settings.DOQCHAT, "WEBHOOK_PRIVATE_TARGETS": True}
    sender = Sender()
    yield sender
    await sender.close()


async def test_a_webhook_is_the_signed_body(sender: Sender) -> None:
    secrets = [secret_of(new_seed()), secret_of(new_seed())]
    async with WebhookReceiver() as receiver:
        answer = await sender.send(receiver.url, secrets, "msg_1", BODY)
    (request,) = receiver.requests
    assert (answer.status, answer.error, request.method, request.target) == (204, "", "POST", "/hook")
    assert (request.body, request.headers["content-type"]) == (BODY, "application/json")
    signed = headers(secrets, "msg_1", int(request.headers["webhook-timestamp"]), BODY)
    assert request.headers.items() >= signed.items()


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410, 429, 500, 503])
async def test_other_statuses_are_failures_and_redirects_are_not_followed(sender: Sender, status: int) -> None:
    async with WebhookReceiver(lambda _: status) as receiver:
        answer = await sender.send(receiver.url, [secret_of(new_seed())], "msg_1", BODY)
    assert answer.status == status
    assert str(status) in answer.error
    assert [request.target for request in receiver.requests] == ["/hook"]


async def test_a_connection_is_used_again(sender: Sender) -> None:
    async with WebhookReceiver() as receiver:
        for number in range(3):
            await sender.send(receiver.url, [secret_of(new_seed())], f"msg_{number}", BODY)
        assert (len(receiver.requests), receiver.connections) == (3, 1)


class Answering(WebhookReceiver):
    """Writes bytes instead of a response, and keeps the connection open."""

    def __init__(self, data: bytes, times: int = 1) -> None:
        super().__init__()
        self.data, self.times = data, times

    async def answer(self, request: Request, response: Response, reader: object) -> None:
        for _ in range(self.times):
            await response.raw(self.data)


@pytest.mark.parametrize("data", [b"", b"not HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000])
async def test_what_is_not_a_response_is_a_failure(
    sender: Sender, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "TIMEOUT_SECONDS", 0.2)
    async with Answering(data) as receiver:
        answer = await sender.send(receiver.url, [secret_of(new_seed())], "msg_1", BODY)
    assert answer.status is None
    assert answer.error


async def test_a_body_without_an_end_is_not_read_to_its_end(sender: Sender) -> None:
    endless = b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n" + b"x" * 2 * sending.MOST_READ
    async with Answering(endless) as receiver:
        answer = await sender.send(receiver.url, [secret_of(new_seed())], "msg_1", BODY)
    assert (answer.status, answer.error) == (200, "")


async def test_the_status_counts_if_the_body_does_not_come(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "TIMEOUT_SECONDS", 0.2)
    async with Answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n") as receiver:
        answer = await sender.send(receiver.url, [secret_of(new_seed())], "msg_1", BODY)
    assert (answer.status, answer.error) == (200, "")


async def test_an_unreachable_endpoint_is_a_failure(sender: Sender) -> None:
    for url in (f"http://127.0.0.1:{free_port()}/", "http://does-not-exist.invalid/"):
        answer = await sender.send(url, [secret_of(new_seed())], "msg_1", BODY)
        assert answer.status is None
        assert answer.error


async def test_a_response_can_ask_to_wait(sender: Sender) -> None:
    data = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n"
    async with Answering(data) as receiver:
        answer = await sender.send(receiver.url, [secret_of(new_seed())], "msg_1", BODY)
    assert answer.retry_after == 120
