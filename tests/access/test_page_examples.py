"""The programs of the page on access make tokens that are taken."""

import os
import shutil
import subprocess
import sys

import pytest

from doqchat.access.authenticator import Authenticator
from tests.access.credentials import SHARED
from tests.docs.pages import ROOT, blocks

PROGRAMS = {"python": [sys.executable, "-c"], "js": ["node", "-e"]}
PAGES = {language: ROOT / "docs" / language / "access.md" for language in ("en", "ko")}


def program(page_language: str, language: str) -> str:
    (found,) = (
        block.text for block in blocks(PAGES[page_language]) if (block.language, block.tags) == (language, ("token",))
    )
    return found


@pytest.mark.parametrize("language", PROGRAMS)
async def test_another_backend_makes_a_token_with_the_program_of_the_page(language: str) -> None:
    if shutil.which(PROGRAMS[language][0]) is None:
        pytest.skip(f"There is no {PROGRAMS[language][0]} here.")
    command = [*PROGRAMS[language], program("en", language)]
    variables = os.environ | {"DOQCHAT_TOKEN_KEY": SHARED}
    made = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=True)  # noqa: ASYNC221
    principal = await Authenticator("token", SHARED).principal("lesson-12", "A", [made.stdout.strip()])
    assert (principal.name, principal.subject) == ("Minji", "user-7")
    assert program("ko", language) == program("en", language)
