"""API keys: created by command or in the admin, shown once, listed and revoked."""

import re
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from chat.models import ApiKey, digest_of

pytestmark = pytest.mark.django_db

KEYS = "/admin/doqchat/apikey/"
SECRET = re.compile(r"dqk_[\w-]{43}")


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("doqchat_api_key", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def admin() -> Client:
    browser = Client(headers={"Accept-Language": "en"})
    browser.force_login(get_user_model().objects.create_superuser("admin"))
    return browser


def test_the_command_prints_a_key_once_and_stores_its_digest() -> None:
    secret = command("backend")
    assert SECRET.fullmatch(secret)
    key = ApiKey.objects.get()
    assert (key.name, key.scopes, key.digest) == ("backend", "sessions", digest_of(secret))
    assert secret not in command("--list")


def test_a_name_is_free_again_when_its_key_is_revoked() -> None:
    command("backend")
    with pytest.raises(CommandError, match="Cannot create the key"):
        command("backend")
    command("--revoke", "backend")
    with pytest.raises(CommandError, match="no API key 'backend'"):
        command("--revoke", "backend")
    command("backend", "--scope", "sessions")
    assert [line.split("\t")[3].split()[0] for line in command("--list").splitlines()] == ["active", "revoked"]


def test_the_admin_shows_a_new_key_once_and_refuses_its_name_to_another(admin: Client) -> None:
    form = {"name": "backend", "scopes": "sessions"}
    page = admin.post(f"{KEYS}add/", form, follow=True).content.decode()
    (secret,) = SECRET.findall(page)
    assert ApiKey.objects.get().digest == digest_of(secret)
    assert SECRET.findall(admin.get(KEYS).content.decode()) == []
    again = admin.post(f"{KEYS}add/", form)
    assert (again.status_code, "There is an API key with this name" in again.content.decode()) == (200, True)


def test_the_admin_revokes_keys_and_changes_nothing_else(admin: Client) -> None:
    command("backend")
    key = ApiKey.objects.get()
    admin.post(f"{KEYS}{key.pk}/change/", {"name": "other", "scopes": "sessions"})
    admin.post(f"{KEYS}{key.pk}/delete/", {"post": "yes"})
    assert (ApiKey.objects.get().name, ApiKey.objects.get().revoked_at) == ("backend", None)
    admin.post(KEYS, {"action": "revoke", "_selected_action": [key.pk]})
    assert ApiKey.objects.get().revoked_at is not None
