"""`manage.py doqchat_webhook`."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from chat.webhooks import signature
from chat.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db

URL = "https://example.org/hook"
State = WebhookDelivery.State


def run(*arguments: Any) -> list[str]:
    out = StringIO()
    call_command("doqchat_webhook", *map(str, arguments), stdout=out)
    return out.getvalue().splitlines()


def dead() -> WebhookDelivery:
    target = WebhookEndpoint.objects.create(url=URL, types="message.created")
    return WebhookDelivery.objects.create(
        endpoint=target, message_id="msg_1", type="message.created", sid="room", state=State.DEAD, error="HTTP 500"
    )


def test_an_added_endpoint_prints_its_secret_and_is_listed_without_it() -> None:
    (secret,) = run("add", URL, "--event", "session.closed", "--event", "message.created")
    assert len(signature.key_of(secret)) == 32
    (line,) = run("list")
    assert line.split("\t")[1:4] == [URL, "enabled", "session.closed message.created"]


def test_without_events_an_endpoint_gets_all() -> None:
    run("add", URL)
    assert WebhookEndpoint.objects.get().types.split() == EventType.values


def test_a_url_that_cannot_be_a_target_is_one_sentence() -> None:
    with pytest.raises(CommandError, match=r"^The address must be public\.$"):
        run("add", "https://10.0.0.1/")


def test_dead_deliveries_are_listed_and_retried() -> None:
    delivery = dead()
    (line,) = run("dead")
    assert line.split("\t")[:4] == [str(delivery.pk), URL, "message.created", "room"]
    assert run("retry", delivery.pk) == ["Retrying 1 of the dead deliveries."]
    assert run("dead") == []


@pytest.mark.parametrize("arguments", [["retry"], ["retry", "1", "--all"], ["test", "7"], ["nothing"]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
