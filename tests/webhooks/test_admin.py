"""Webhook endpoints and deliveries in the admin."""

import asyncio
import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django.fixtures import Settings

from chat.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint
from tests.stand_ins.webhook_receiver import WebhookReceiver

pytestmark = pytest.mark.django_db

ENDPOINTS, DELIVERIES = "/admin/doqchat/webhookendpoint/", "/admin/doqchat/webhookdelivery/"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
FORM = {"url": "https://example.org/hook", "types": ["message.created", "session.closed"], "enabled": "on"}
State = WebhookDelivery.State


def browser(*permissions: str) -> Client:
    """A browser of staff with these permissions, or of a superuser."""
    users = get_user_model().objects
    user = users.create_user("staff", is_staff=True) if permissions else users.create_superuser("admin")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


@pytest.fixture
def target() -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(url="https://example.org/", types=" ".join(EventType))


@pytest.fixture
def dead(target: WebhookEndpoint) -> WebhookDelivery:
    return WebhookDelivery.objects.create(
        endpoint=target, message_id="msg_1", type="message.created", sid="room", state=State.DEAD, status=500
    )


def change(target: WebhookEndpoint) -> str:
    return f"{ENDPOINTS}{target.pk}/change/"


def test_an_added_endpoint_shows_its_secret_once() -> None:
    admin = browser()
    page = admin.post(f"{ENDPOINTS}add/", FORM, follow=True).content.decode()
    target = WebhookEndpoint.objects.get()
    assert target.types == "message.created session.closed"
    assert SECRET.findall(page) == [target.secret]
    for path in (ENDPOINTS, change(target)):
        assert not SECRET.search(admin.get(path).content.decode())


@pytest.mark.parametrize("url", ["http://example.org/", "https://127.0.0.1/", "https://u:p@example.org/", "nothing"])
def test_a_url_that_cannot_be_a_target_is_refused_with_the_form(url: str) -> None:
    page = browser().post(f"{ENDPOINTS}add/", FORM | {"url": url})
    assert page.status_code == 200
    assert 'class="errorlist' in page.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_rotating_shows_the_new_secret_and_keeps_the_previous_one_for_a_day(target: WebhookEndpoint) -> None:
    page = browser().post(change(target), FORM | {"_rotate": "1"}, follow=True).content.decode()
    before, target = target.secret, WebhookEndpoint.objects.get()
    assert target.secrets == [target.secret, before]
    assert target.secret != before
    assert SECRET.findall(page) == [target.secret]


def test_enabling_an_endpoint_again_forgets_why_it_was_disabled(target: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.update(enabled=False, disabled_because="410")
    browser().post(change(target), FORM)
    target = WebhookEndpoint.objects.get()
    assert (target.enabled, target.disabled_because) == (True, "")


def test_a_viewer_cannot_test_or_rotate(target: WebhookEndpoint) -> None:
    admin = browser("view_webhookendpoint")
    assert "_rotate" not in admin.get(change(target)).content.decode()
    assert admin.post(change(target), FORM | {"_rotate": "1"}).status_code == 403


def test_deleting_an_endpoint_deletes_its_deliveries(dead: WebhookDelivery) -> None:
    admin = browser("view_webhookendpoint", "delete_webhookendpoint")
    path = f"{ENDPOINTS}{dead.endpoint_id}/delete/"
    assert "Webhook deliveries: 1" in " ".join(admin.get(path).content.decode().split())
    admin.post(path, {"post": "yes"})
    assert not WebhookDelivery.objects.exists()


def test_deliveries_are_listed_by_state(dead: WebhookDelivery) -> None:
    admin = browser("view_webhookdelivery")
    assert ">room<" in admin.get(f"{DELIVERIES}?state__exact=dead").content.decode()
    assert ">room<" not in admin.get(f"{DELIVERIES}?state__exact=pending").content.decode()
    assert "msg_1" in admin.get(f"{DELIVERIES}{dead.pk}/change/").content.decode()


@pytest.mark.parametrize(("permission", "state"), [("change", State.PENDING), ("view", State.DEAD)])
def test_only_who_may_change_deliveries_can_retry_dead_ones(dead: WebhookDelivery, permission: str, state: str) -> None:
    admin = browser("view_webhookdelivery", f"{permission}_webhookdelivery")
    admin.post(DELIVERIES, {"action": "retry", "_selected_action": [dead.pk]})
    assert WebhookDelivery.objects.get().state == state


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("status", "shown"), [(204, "HTTP 204"), (500, "has failed: HTTP 500")])
async def test_the_test_button_reports_what_the_endpoint_has_answered(
    settings: Settings, status: int, shown: str
) -> None:
    settings.DOQCHAT = {**settings.DOQCHAT, "WEBHOOK_PRIVATE_TARGETS": True}
    async with WebhookReceiver(lambda _: status) as receiver:
        admin = await asyncio.to_thread(browser)
        target = await WebhookEndpoint.objects.acreate(url=receiver.url, types="message.created")
        form = FORM | {"url": receiver.url, "_test": "1"}
        page = await asyncio.to_thread(admin.post, change(target), form, follow=True)
        assert (await receiver.next())["type"] == "webhook.test"
    assert shown in page.content.decode()
