"""Which models a site has, by the variables that are set."""

import json
import os
import sys

import pytest

from tests import processes


def configured(**variables: str) -> dict[str, dict[str, str]]:
    """LLMS as the settings make it from those variables alone."""
    done = processes.completed([sys.executable, "-m", "tests.llm.print_models"], os.environ | variables)
    made: dict[str, dict[str, str]] = json.loads(done.stdout)
    return made


@pytest.mark.parametrize(
    ("variables", "aliases", "default"),
    [
        ({}, {"demo"}, "demo"),
        ({"GEMINI_API_KEY": "k"}, {"demo", "gemini", "gemini-legacy"}, "gemini"),
        ({"OPENAI_API_KEY": "k"}, {"demo", "openai"}, "openai"),
        ({"OPENAI_BASE_URL": "http://localhost:11434/v1"}, {"demo", "openai"}, "openai"),
        ({"GEMINI_API_KEY": "k", "OPENAI_API_KEY": "k"}, {"demo", "gemini", "gemini-legacy", "openai"}, "gemini"),
    ],
)
def test_each_provider_that_is_configured_has_an_alias_and_the_first_is_the_default(
    variables: dict[str, str], aliases: set[str], default: str
) -> None:
    llms = configured(**variables)

    assert set(llms) == {*aliases, "default"}
    assert llms["default"] == llms[default]


@pytest.mark.parametrize(
    ("keys", "models"),
    [
        (["GEMINI_API_KEY"], {"gemini": "chosen"}),
        (["OPENAI_API_KEY"], {"openai": "chosen"}),
        (["GEMINI_API_KEY", "OPENAI_API_KEY"], {"gemini": "chosen", "openai": "gpt-5.4-mini"}),
    ],
)
def test_a_chosen_model_name_is_the_defaults(keys: list[str], models: dict[str, str]) -> None:
    llms = configured(DOQCHAT_LLM_MODEL="chosen", **dict.fromkeys(keys, "k"))

    assert {alias: llms[alias]["MODEL"] for alias in models} == models


def test_the_default_model_can_have_prices() -> None:
    llms = configured(DOQCHAT_LLM_PRICES="0.3, 2.5", OPENAI_API_KEY="k")
    assert llms["default"]["PRICES"] == llms["openai"]["PRICES"] == {"INPUT": 0.3, "OUTPUT": 2.5}
    assert "PRICES" not in llms["demo"]


def test_how_much_is_sent_can_be_set_for_the_models_of_both_providers() -> None:
    llms = configured(DOQCHAT_LLM_CONTEXT_TOKENS="4000", GEMINI_API_KEY="k", OPENAI_API_KEY="k")

    assert {alias: entry.get("CONTEXT_TOKENS") for alias, entry in llms.items()} == {
        **dict.fromkeys(("default", "gemini", "gemini-legacy", "openai"), 4000),
        "demo": None,
    }
