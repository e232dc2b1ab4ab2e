"""`llms[alias]`, as code and a shell use it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_django.fixtures import Settings

from doqchat.llm import LLMError, UnknownLLM, llms

every_backend = pytest.mark.parametrize(
    ("backend", "stand_in_url"),
    [
        ("google_genai.GoogleGenAI", "gemini"),
        ("google_generativeai.GoogleGenerativeAI", "gemini"),
        ("openai.OpenAI", "openai"),
    ],
    indirect=["stand_in_url"],
)
DEMO = {"BACKEND": "doqchat.llm.demo.DemoLLM", "PIECE_SECONDS": 0}


@pytest.fixture(autouse=True)
def configured(settings: Settings) -> None:
    settings.DOQCHAT = {"LLMS": {"default": DEMO, "other": DEMO}}


@pytest.fixture
def stand_in_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A stand-in as a process of its own, which outlives the event loops of a test."""
    command = [sys.executable, "-m", f"tests.stand_ins.{request.param}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().split()[-1]
        process.terminate()


def test_an_alias_gives_the_same_object_in_every_thread() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = set(threads.map(lambda _: llms["default"], range(20)))

    assert made == {llms["default"]}
    assert llms["other"] is not llms["default"]


def test_the_aliases_are_those_of_the_setting() -> None:
    assert list(llms) == ["default", "other"]
    assert "other" in llms
    assert "third" not in llms


def test_an_unknown_alias_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UnknownLLM, match="no model 'third'; there are default, other"):
        llms["third"]


def test_an_entry_that_cannot_be_used_is_not_configured(settings: Settings) -> None:
    settings.DOQCHAT = {"LLMS": {"default": {**DEMO, "PIECE_SECONDS": "slow"}}}
    with pytest.raises(LLMError, match="PIECE_SECONDS") as caught:
        llms["default"]

    assert caught.value.code == "not_configured"
    assert "PIECE_SECONDS" not in caught.value.message


def test_a_changed_setting_makes_a_new_model(settings: Settings) -> None:
    before = llms["default"]
    settings.DOQCHAT = {"LLMS": {"default": {**DEMO, "MODEL": "another"}}}

    assert llms["default"].model == "another"
    assert llms["default"] is not before


@every_backend
def test_one_model_answers_in_several_event_loops(settings: Settings, stand_in_url: str, backend: str) -> None:
    entry = {"BACKEND": f"doqchat.llm.{backend}", "MODEL": "m", "API_KEY": "k", "BASE_URL": stand_in_url}
    settings.DOQCHAT = {"LLMS": {"default": entry}}

    async def ask() -> str:
        return str(await llms["default"].generate(prompt="안녕"))

    async def ask_beside_another_loop() -> list[str]:
        return [await ask(), await asyncio.to_thread(asyncio.run, ask()), await ask()]

    answers = [asyncio.run(ask()), *asyncio.run(ask_beside_another_loop()), asyncio.run(ask())]
    assert len(set(answers)) == 1


def test_the_sdks_are_not_imported_before_they_are_used() -> None:
    backends = "doqchat.llm.google_genai, doqchat.llm.google_generativeai, doqchat.llm.openai"
    code = f"import sys, {backends}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"google.genai", "google.generativeai", "openai", "requests", "httpx2"}.isdisjoint(done.stdout.split())


ASK_PREPARED = """
import asyncio, socket, sys
from doqchat.llm.{module} import {name}

async def main():
    model = {name}("tested", {{"MODEL": "m", "API_KEY": "k", "BASE_URL": "{url}"}})
    sent, connect, socket.socket.connect = [], socket.socket.connect, lambda *_: sent.append(1)
    await model.prepare()
    socket.socket.connect = connect
    prepared = set(sys.modules)
    await model.generate("안녕")
    late = [module for module in set(sys.modules) - prepared if module.split(".")[0] in ("google", "openai")]
    print(len(sent), "sent,", *late, "loaded late")

asyncio.run(main())
"""


@every_backend
def test_a_prepared_model_has_loaded_all_of_its_sdk_and_sent_nothing(stand_in_url: str, backend: str) -> None:
    module, name = backend.split(".")
    code = ASK_PREPARED.format(module=module, name=name, url=stand_in_url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "0 sent, loaded late\n"
