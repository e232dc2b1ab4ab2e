"""The programs in the pages: run as they stand, they print what the pages say they do."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.chat.terminal import PROMPT, shell
from tests.docs.pages import ROOT, blocks
from tests.processes import Process, Web

WITHIN = 60.0


async def output(*command: str) -> str:
    """What a command prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), WITHIN)
    return printed.decode()


@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
async def test_the_first_conversation_prints_what_the_readme_says(
    readme: str, server: Web, sid: str, tmp_path: Path
) -> None:
    program, printed = (block.text for block in blocks(ROOT / readme) if block.language in ("python", "text"))
    file = tmp_path / "first.py"
    file.write_text(program.replace("ws://localhost:3000", server.ws).replace("room001", sid))
    assert await output(sys.executable, str(file)) == printed


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_the_conversation_with_the_reference_client_prints_what_the_page_says(
    language: str, server: Web, worker: Process, sid: str, tmp_path: Path
) -> None:
    page = ROOT / "docs" / language / "client.md"
    program, printed = (block.text for block in blocks(page) if block.tags == ("client",))
    file = tmp_path / "talk.py"
    file.write_text(program.replace("ws://localhost:3000", server.ws).replace("room001", sid))
    assert await output(sys.executable, str(file)) == printed


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_shell_shows_what_the_page_says(language: str, tmp_path: Path) -> None:
    (session,) = (block.text for block in blocks(ROOT / "docs" / language / "models.md") if block.tags == ("shell",))
    with shell(tmp_path) as terminal:
        for exchange in session.split(PROMPT)[1:]:
            typed, _, shown = exchange.partition("\n")
            assert re.fullmatch(re.escape(shown).replace("…", ".*"), terminal.enter(typed))
