"""`manage.py doqchat_token`: a token for a session, and a link that brings it along."""

from io import StringIO
from pathlib import Path
from stat import S_IMODE
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings

from doqchat.access.authenticator import Authenticator
from doqchat.conf import token_key
from tests.access.credentials import SHARED
from tests.chat.commands import run
from tests.processes import Web


def printed(*arguments: str, **setting: Any) -> list[str]:
    out = StringIO()
    with override_settings(DOQCHAT={"TOKEN_KEY": SHARED, **setting}):
        call_command("doqchat_token", *arguments, stdout=out)
    return out.getvalue().splitlines()


async def test_the_token_is_taken_for_what_was_asked() -> None:
    token, link = printed("lesson-12", "B", "--name", "민지", "--subject", "u-7", "--can", "read", "configure")
    principal = await Authenticator("token", SHARED).principal("lesson-12", "B", [token])
    assert (principal.name, principal.subject, principal.can) == ("민지", "u-7", {"read", "configure"})
    assert link == f"http://localhost:3000/s/lesson-12/?role=B#token={token}"


def test_the_link_is_below_the_address_that_is_given() -> None:
    token, link = printed("lesson-12", "observer", "--site", "https://chat.example.org/talk/")
    parts = urlsplit(link)
    assert (parts.netloc, parts.path, parts.fragment) == ("chat.example.org", "/talk/s/lesson-12/", f"token={token}")


@pytest.mark.parametrize("arguments", [["no sid", "A"], ["room", "A", "--name", "[x]"], ["room", "llm"]])
def test_what_cannot_be_is_refused_in_a_sentence(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        printed(*arguments)


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    with override_settings(DOQCHAT={"DATA_DIR": tmp_path}):
        key = token_key()
        assert token_key() == key
    (file,) = tmp_path.iterdir()
    assert (file.name, S_IMODE(file.stat().st_mode), file.read_text()) == ("token_key", 0o600, key)
    file.write_text("short")
    with pytest.raises(CommandError, match="32 bytes"):
        printed("room", "A", TOKEN_KEY=None, DATA_DIR=tmp_path)


def test_the_smoke_test_makes_its_own_tokens(guarded: Web, access: dict[str, str], sid: str) -> None:
    ended = run("doqchat_smoke", "--url", f"{guarded.ws}/v1/session/chat", "--sid", sid, **access)
    assert ended.stdout.splitlines()[-1] == "Chat test completed successfully", ended.stderr
