"""Logging in to the admin: how often somebody may try."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http.cookiejar import CookieJar
from urllib.parse import urlencode

import pytest
import redis
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from tests import processes
from tests.processes import Store, Web

pytestmark = pytest.mark.django_db(transaction=True)  # what a web process reads has to be committed

PASSWORD = "not a secret"
NAME = "administrator"


class Browser:
    """Fills in the login form; keeps cookies. `address` is what a proxy says it came from."""

    def __init__(self, web: Web, address: str, language: str = "en") -> None:
        self._url = f"{web.http}/admin/login/"
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar())).open
        self._headers = {"X-Forwarded-For": address, "Accept-Language": language}

    def log_in(self, account: str, password: str) -> tuple[int, str, str]:
        """The status, the page that came, and how many seconds to wait."""
        with self._open(urllib.request.Request(self._url, headers=self._headers)) as page:
            token = re.search(r'csrfmiddlewaretoken" value="(\w+)', page.read().decode())
        assert token
        form = urlencode(
            {"csrfmiddlewaretoken": token[1], "username": account, "password": password, "next": "/admin/"}
        )
        try:
            answer = self._open(urllib.request.Request(self._url, form.encode(), self._headers))
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            where = answer.url if answer.url != self._url else "login"
            return answer.status or 0, where + answer.read().decode(), answer.headers.get("Retry-After", "")

    def is_let_in(self, account: str = NAME) -> bool:
        status, page, _ = self.log_in(account, PASSWORD)
        return status == 200 and page.startswith("http")

    def statuses(self, accounts: list[str]) -> list[int]:
        """Those that wrong passwords for these accounts get, one after the other."""
        return [self.log_in(account, "wrong")[0] for account in accounts]


def site(store: Store) -> dict[str, str]:
    """The variables of a web process."""
    return {"DJANGO_SETTINGS_MODULE": "tests.chat.quick_passwords", "DOQCHAT_REDIS_URL": store.url}


@pytest.fixture
def administrator(transactional_db: None) -> None:
    user = get_user_model()(username=NAME, is_staff=True, is_superuser=True)
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1_000)
    user.save()


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with processes.valkey(tmp_path_factory.mktemp("login")) as store:
        yield store


@pytest.fixture(scope="module")
def running_web(shared_store: Store, django_db_setup: None) -> Iterator[Web]:
    with processes.web(**site(shared_store)) as web:
        yield web


@pytest.fixture
def counts(shared_store: Store) -> Iterator["redis.Redis"]:
    """The client of a store in which nobody has tried to log in yet."""
    with closing(redis.Redis.from_url(shared_store.url)) as client:
        client.flushall()
        yield client


@pytest.fixture
def web(running_web: Web, counts: "redis.Redis") -> Web:
    return running_web


def test_wrong_passwords_for_an_account_are_refused_wherever_they_come_from(web: Web, administrator: None) -> None:
    statuses = [Browser(web, f"192.0.2.{number}").log_in(NAME, "wrong")[0] for number in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    status, page, wait = Browser(web, "192.0.2.8").log_in(NAME, PASSWORD)
    assert status == 429
    assert wait == "300"
    assert re.search(r"Too many attempts to log in\. Try again in 5 minutes\.", page)
    _, page, _ = Browser(web, "192.0.2.8", "ko").log_in(NAME, PASSWORD)
    assert re.search(r"로그인 시도가 너무 많았어요\. 5분 뒤에 다시 시도해 주세요\.", page)


def test_wrong_passwords_from_an_address_are_refused_whichever_account_they_are_for(
    web: Web, administrator: None
) -> None:
    attacker = Browser(web, "2001:db8::1")
    assert attacker.statuses([f"account{number}" for number in range(12)]) == [200] * 10 + [429] * 2
    neighbour = Browser(web, "2001:db8::ffff")
    assert neighbour.statuses(["other"]) == [429]
    assert attacker.statuses([NAME] * 6) == [429] * 6
    assert Browser(web, "2001:db8:0:1::1").is_let_in()


def test_a_browser_that_has_logged_in_before_is_not_locked_out_by_others(web: Web, administrator: None) -> None:
    known = Browser(web, "192.0.2.1")
    assert known.is_let_in()
    attacker = Browser(web, "192.0.2.1")
    attacker.statuses([NAME] * 6 + ["other"] * 6)
    assert not attacker.is_let_in()
    assert known.statuses([NAME]) == [200]
    assert known.is_let_in()
    assert known.statuses(["other"]) == [429]
    assert known.statuses([NAME] * 6) == [200] * 5 + [429]


def test_successful_logins_do_not_count(web: Web, administrator: None) -> None:
    for number in range(12):
        assert Browser(web, "192.0.2.1").is_let_in(), number


def test_all_web_processes_count_together(web: Web, shared_store: Store, administrator: None) -> None:
    with processes.web(**site(shared_store)) as other:
        for number in range(3):
            Browser(web, f"192.0.2.{number}").log_in(NAME, "wrong")
        assert Browser(other, "192.0.2.9").statuses([NAME] * 3) == [200] * 2 + [429]


def test_without_the_store_a_process_counts_for_itself(own_store: Store, administrator: None) -> None:
    with processes.web(**site(own_store)) as web:
        own_store.process.kill()
        assert Browser(web, "192.0.2.1").is_let_in()
        assert Browser(web, "192.0.2.1").statuses([NAME] * 6) == [200] * 5 + [429]


def test_a_refusal_hashes_no_password(web: Web, counts: "redis.Redis", administrator: None) -> None:
    user = get_user_model().objects.get()
    user.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1_000)
    user.save()
    Browser(web, "192.0.2.1").statuses([NAME] * 5)
    before = get_user_model().objects.get().password
    assert Browser(web, "192.0.2.2").log_in(NAME, PASSWORD)[0] == 429
    # A right password that is looked at is hashed again, with as many iterations as the settings want.
    assert get_user_model().objects.get().password == before
    counts.flushall()
    assert Browser(web, "192.0.2.2").is_let_in()
    assert get_user_model().objects.get().password != before


def test_attempts_share_a_connection_to_the_store(
    web: Web, shared_store: Store, counts: "redis.Redis", administrator: None
) -> None:
    Browser(web, "127.0.0.2").log_in("somebody", "wrong")
    before = counts.info("stats")["total_connections_received"]
    for number in range(5):
        Browser(web, "127.0.0.3").log_in(f"somebody {number}", "wrong")
    assert counts.info("stats")["total_connections_received"] == before
