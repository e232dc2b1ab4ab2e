"""`manage.py check`: what it says of settings that cannot work."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import ERROR, WARNING, run_checks
from django.test import override_settings

from doqchat.conf import Settings, access_mode, doqchat_settings


def test_the_settings_as_they_come_are_fine() -> None:
    assert [problem for problem in run_checks() if str(problem.id).startswith("doqchat.")] == []


def test_a_site_that_answers_to_every_host_is_warned() -> None:
    with override_settings(ALLOWED_HOSTS=["chat.example.org", "*"]):
        (problem,) = [problem for problem in run_checks() if problem.id == "doqchat.W001"]
    assert problem.level == WARNING
    assert problem.hint == "Name the site's own hosts, as in ALLOWED_HOSTS=chat.example.org."


@pytest.mark.parametrize(
    ("origin", "hint"),
    [
        ("app.example.org", "Begin it with http:// or https://, as in https://app.example.org."),
        ("null", "Begin it with http"),
        ("*", "Begin it with http"),
        ("wss://a.example", "Begin it with http:// or https://, as in https://a.example."),
        ("https://*.example.org", "There are no wildcards"),
        ("https://.example.org", "There are no wildcards"),
        ("https://a.example/", "Leave out all but the scheme, host and port: https://a.example."),
        ("https://a.example:444/chat?x#y", "Leave out all but the scheme, host and port: https://a.example:444."),
        ("https://me:secret@a.example", "Leave out all but the scheme, host and port: https://a.example."),
        ("https://예시.example", "Write the host as browsers send it, in Punycode"),
        ("https://a;b", "Write the host as browsers send it: "),
        ("https://a..example", "Write the host as browsers send it: "),
        ("https://", "Write the host as browsers send it: "),
        ("https://127.1", "Write the host as browsers send it: "),
        ("https://[0:0:0:0:0:0:0:1]", "Write the host as browsers send it: "),
        ("https://a.example:0", "Write a port from 1 to 65535"),
        ("https://a.example:65536", "Write a port from 1 to 65535"),
        ("https://a.example:0443", "Write a port from 1 to 65535"),
    ],
)
@pytest.mark.parametrize("setting", ["ORIGINS", "EMBED_ORIGINS"])
def test_an_origin_that_no_page_has_is_named(origin: str, hint: str, setting: str) -> None:
    listed = ["https://app.example.org:8443", "http://[::1]:3000", "http://10.0.0.7", "HTTPS://App.example", origin]
    with override_settings(DOQCHAT={setting: listed}):
        (problem,) = [problem for problem in run_checks() if problem.id == "doqchat.E004"]
    assert problem.msg == f"DOQCHAT_{setting} has {origin!r}, which is not the origin of any page."
    assert problem.hint is not None
    assert problem.hint.startswith(hint)


@pytest.mark.parametrize("proxy", ["10.0.0.5/8", "10.0.0.0/33", "proxy.example.org", "*", "10.0.0.1:80", ""])
def test_a_proxy_that_matches_no_address_is_named(proxy: str) -> None:
    with override_settings(DOQCHAT={"PROXIES": ["10.0.0.0/8", "::1", proxy]}):
        (problem,) = [problem for problem in run_checks() if problem.id == "doqchat.E011"]
    assert problem.msg == f"PROXIES (FORWARDED_ALLOW_IPS) has {proxy!r}, which matches no proxy."
    with override_settings(DOQCHAT={"PROXIES": ["*"]}):
        assert [problem for problem in run_checks() if problem.id == "doqchat.E011"] == []


@pytest.mark.parametrize(
    "host",
    ["https://chat.example.org", "chat.example.org:3000", "*.example.org", "::1", "chat.example.org.", "예시.kr"],
)
def test_an_allowed_host_that_matches_no_host_is_named(host: str) -> None:
    with override_settings(ALLOWED_HOSTS=["Chat.example.org", ".example.org", "[::1]", "127.0.0.1", host]):
        (problem,) = [problem for problem in run_checks() if problem.id == "doqchat.W002"]
    assert (problem.level, problem.msg) == (WARNING, f"ALLOWED_HOSTS has {host!r}, which matches no Host.")


@pytest.mark.parametrize(
    ("access", "path", "said"),
    [
        ("open", "tests.access.authorizing.authorize", "access is open"),
        (
            "token",
            "tests.access.missing.authorize",
            "'tests.access.missing.authorize', which cannot be used: No module",
        ),
        ("token", "tests.access.authorizing.missing", 'does not define a "missing" attribute'),
        ("token", "authorize", "doesn't look like a module path"),
        ("token", "tests.access.authorizing.not_a_function", "which cannot be used: it is not a function."),
        ("token", "tests.access.authorizing.authorize", None),
    ],
)
def test_a_function_for_signed_in_users_that_cannot_be_used_is_named(access: str, path: str, said: str | None) -> None:
    with override_settings(DOQCHAT=settings.DOQCHAT | {"ACCESS": access, "AUTHORIZE": path}):
        problems = [problem for problem in run_checks() if str(problem.id).startswith("doqchat.")]
    assert [problem.id for problem in problems] == ([] if said is None else ["doqchat.E010"])
    assert said is None or said in problems[0].msg


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"REPLIES": {"MAX_ACTIVE_REPLIES": 0}},
            "['REPLIES']['MAX_ACTIVE_REPLIES'] is invalid: input should be greater than or equal",
        ),
        (
            {"REPLIES": {"TOKENS_PER_DAY": "many"}},
            "['REPLIES']['TOKENS_PER_DAY'] is invalid: input should be a valid",
        ),
        ({"REPLIES": {"GATHER_SECONDS": 5}}, "['REPLIES']['GATHER_SECONDS'] is invalid: input should be less than"),
        ({"REPLIES": {"PER_DAY": 5}}, "['REPLIES']['PER_DAY'] is invalid: extra inputs are not permitted."),
        ({"REPLIES": None}, "['REPLIES'] is invalid: input should be a valid dictionary"),
        ({"STORE_URLS": []}, "['STORE_URLS'] is invalid: list should have at least 1 item"),
        ({"STORE_URLS": ["redis://:pa55#@h"]}, "['STORE_URLS'][0] is invalid: a store's URL must be redis://"),
        ({"PORT": "3000"}, "['PORT'] is invalid: input should be a valid integer."),
        ({"SERVER": "gunicorn"}, "['SERVER'] is invalid: input should be 'uvicorn' or 'daphne'."),
        ({"LLMS": ["demo"]}, "['LLMS'] is invalid: input should be a valid dictionary."),
        ({"LLM": {}}, "['LLM'] is invalid: extra inputs are not permitted."),
        ("redis://localhost", " is invalid: input should be a valid dictionary"),
    ],
)
def test_what_cannot_be_used_is_named_without_its_value(change: Any, said: str) -> None:
    with override_settings(DOQCHAT=change):
        (problem,) = [problem for problem in run_checks() if str(problem.id).startswith("doqchat.")]
    assert (problem.id, problem.level) == ("doqchat.E003", ERROR)
    assert problem.msg.startswith(f"DOQCHAT{said}")
    assert "pa55" not in problem.msg


@pytest.fixture
def nothing_set() -> Iterator[None]:
    """A project without the setting. Nothing tells of a setting that is deleted."""
    with override_settings():
        del settings.DOQCHAT
        doqchat_settings.cache_clear()
        yield
    doqchat_settings.cache_clear()


def test_a_project_that_sets_nothing_has_the_defaults(nothing_set: None) -> None:
    assert doqchat_settings() == Settings()
    assert [problem for problem in run_checks() if str(problem.id).startswith("doqchat.")] == []


@pytest.mark.parametrize("layers", [{}, {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}])
def test_a_channel_layer_that_is_not_doqchats_is_named(layers: dict[str, Any]) -> None:
    with override_settings(CHANNEL_LAYERS=layers):
        (problem,) = [problem for problem in run_checks() if problem.id == "doqchat.E006"]
    assert problem.msg == "CHANNEL_LAYERS['default'] is not doqchat's layer."


@pytest.mark.parametrize(
    ("hosts", "host", "debug", "mode"),
    [
        (["localhost", "127.0.0.1", "[::1]"], "127.0.0.1", False, "open"),
        ([], "::1", False, "open"),
        (["chat.example.org"], "127.0.0.1", False, "token"),
        (["*"], "127.0.0.1", False, "token"),
        (["localhost"], "0.0.0.0", False, "token"),
        (["localhost"], "192.0.2.1", False, "token"),
        (["chat.example.org"], "0.0.0.0", True, "open"),
    ],
)
def test_access_is_open_by_default_on_this_machine_and_with_debug(
    hosts: list[str], host: str, debug: bool, mode: str
) -> None:
    with override_settings(DOQCHAT={"HOST": host}, ALLOWED_HOSTS=hosts, DEBUG=debug):
        assert access_mode() == mode
        refused = [problem for problem in run_checks() if problem.id == "doqchat.E007"]
    assert bool(refused) == (debug and mode == "open")
