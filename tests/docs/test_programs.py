"""The programs in the pages: run as they stand, they print what the pages say they do."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.processes import Process, Web

WITHIN = 60.0


async def output(*command: str, typed: str = "") -> str:
    """What a command prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(process.communicate(typed.encode()), WITHIN)
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


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_the_model_answers_in_the_shell_as_the_page_says(language: str) -> None:
    typed, printed = (
        block.text for block in blocks(ROOT / "docs" / language / "models.md") if block.tags == ("shell",)
    )
    answer = await output(sys.executable, "manage.py", "shell", "--verbosity", "0", typed=typed)
    assert re.fullmatch(re.escape(printed.rstrip()).replace("…", ".*"), answer.rstrip(), re.S)
