"""How google-genai is made to send its requests."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from doqchat.llm.google_genai import GoogleGenAI
from doqchat.llm.provider import ProviderLLM
from tests.llm.conftest import error_of
from tests.stand_ins.provider import ProviderStandIn

pytestmark = pytest.mark.parametrize("backend", [GoogleGenAI])

ASK = """
import asyncio
from doqchat.llm.google_genai import GoogleGenAI
print(asyncio.run(GoogleGenAI("tested", {"MODEL": "m", "API_KEY": "k", "BASE_URL": "%s"}).generate("안녕")))
"""


async def test_it_answers_where_aiohttp_is_installed_too(provider: ProviderStandIn, tmp_path: Path) -> None:
    # The SDK takes it for aiohttp, of which it names only the errors before it sends anything.
    (tmp_path / "aiohttp.py").write_text("ClientConnectorError = ClientOSError = ServerDisconnectedError = OSError\n")
    asking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ASK % provider.url), env=os.environ | {"PYTHONPATH": str(tmp_path)}, stdout=PIPE
    )
    told, _ = await asking.communicate()

    assert told.decode() == "조각 1 🙂 조각 2 🙂 조각 3 🙂 \n"


async def test_a_request_that_the_sdk_sends_in_another_way_is_an_error_that_says_so(
    model: ProviderLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*_: Any, **_options: Any) -> AsyncIterator[Any]:
        async def nothing() -> AsyncIterator[Any]:
            for _ in ():
                yield

        return nothing()

    monkeypatch.setattr("google.genai.models.AsyncModels.generate_content_stream", send)
    error = await error_of(model, "안녕")

    assert error.code == "failed"
    assert "google-genai did not send" in error.detail
