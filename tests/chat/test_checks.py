"""`manage.py check`: what it says of settings that cannot work."""

from typing import Any

import pytest
from django.conf import settings
from django.core.checks import WARNING, run_checks
from django.test import override_settings


def test_the_settings_as_they_come_are_fine() -> None:
    assert [problem for problem in run_checks() if str(problem.id).startswith("doqchat.")] == []


def test_a_site_that_answers_to_every_host_is_warned() -> None:
    with override_settings(ALLOWED_HOSTS=["chat.example.org", "*"]):
        (problem,) = [problem for problem in run_checks() if problem.id == "doqchat.W001"]
    assert problem.level == WARNING
    assert problem.hint == "Name the site's own hosts, as in ALLOWED_HOSTS=chat.example.org."


@pytest.mark.parametrize(
    "origin", ["app.example.org", "null", "*", "https://*.example.org", "https://a.example/", "wss://a.example"]
)
def test_what_is_not_an_origin_is_named(origin: str) -> None:
    with override_settings(ORIGINS=["https://app.example.org:8443", origin]):
        (problem,) = [problem for problem in run_checks() if problem.id == "doqchat.E004"]
    assert problem.msg == f"DOQCHAT_ORIGINS has {origin!r}, which is not an origin."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"UNDER_WAY": 0}, "DOQCHAT_REPLIES['UNDER_WAY'] cannot be used: input should be greater than or equal to 1."),
        ({"TOKENS_A_DAY": "many"}, "DOQCHAT_REPLIES['TOKENS_A_DAY'] cannot be used: input should be a valid integer."),
        ({"GATHER_SECONDS": 5}, "DOQCHAT_REPLIES['GATHER_SECONDS'] cannot be used: input should be less than or"),
        ({"REQUESTS_A_DAY": 5}, "DOQCHAT_REPLIES['REQUESTS_A_DAY'] cannot be used: extra inputs are not permitted."),
    ],
)
def test_a_limit_that_means_nothing_is_named(change: dict[str, Any], said: str) -> None:
    with override_settings(DOQCHAT_REPLIES=settings.DOQCHAT_REPLIES | change):
        (problem,) = [problem for problem in run_checks() if problem.id == "doqchat.E003"]
    assert problem.msg.startswith(said)


def test_a_limit_that_is_missing_is_named() -> None:
    without = {name: value for name, value in settings.DOQCHAT_REPLIES.items() if name != "AT_ONCE"}
    with override_settings(DOQCHAT_REPLIES=without):
        (problem,) = [problem for problem in run_checks() if problem.id == "doqchat.E003"]
    assert problem.msg == "DOQCHAT_REPLIES['AT_ONCE'] cannot be used: field required."
