"""What is said about an LLMS setting that cannot work."""

from pathlib import Path
from typing import Any

import pytest

from doqchat.llm.checks import problems

DEMO = {"BACKEND": "doqchat.llm.demo.DemoLLM"}
GEMINI = {"BACKEND": "doqchat.llm.google_genai.GoogleGenAI", "MODEL": "m", "API_KEY": "secret-key"}
OPENAI = {"BACKEND": "doqchat.llm.openai.OpenAI", "MODEL": "m"}


def test_a_setting_that_works_has_no_problems() -> None:
    legacy = {**GEMINI, "BACKEND": "doqchat.llm.google_generativeai.GoogleGenerativeAI", "THREADS": 4}
    local = {**OPENAI, "API_KEY": "", "BASE_URL": "http://127.0.0.1:1/v1"}
    gemini = {**GEMINI, "BASE_URL": "http://127.0.0.1:1"}
    assert problems({"default": DEMO, "gemini": gemini, "old": legacy, "local": local}) == []


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({}, "names no BACKEND"),
        (None, "names no BACKEND"),
        ({"BACKEND": "doqchat.llm.nowhere.Model"}, "unknown BACKEND, 'doqchat.llm.nowhere.Model'"),
        ({"BACKEND": "doqchat.llm.demo.Missing"}, "unknown BACKEND, 'doqchat.llm.demo.Missing'"),
        ({"BACKEND": ".demo"}, "unknown BACKEND, '.demo'"),
        ({"BACKEND": "doqchat.llm.demo.answer"}, "BACKEND that is not a model"),
        ({"BACKEND": "doqchat.llm.provider.ProviderLLM"}, "BACKEND that is not a model"),
        ({**GEMINI, "API_KEY": " "}, "has no API_KEY"),
        ({**GEMINI, "API_KEY": "secret-key "}, "invalid option API_KEY"),
        ({**GEMINI, "BASE_URL": "http://localhost:x/v1"}, "invalid option BASE_URL"),
        ({**GEMINI, "BASE_URL": "http://localhost:99999"}, "invalid option BASE_URL"),
        ({**GEMINI, "BASE_URL": "http://[::1/v1"}, "invalid option BASE_URL"),
        ({**GEMINI, "BASE_URL": "http://localhost /v1"}, "invalid option BASE_URL"),
        ({**GEMINI, "MODEL": ""}, "invalid option MODEL"),
        ({**GEMINI, "MODEL": " "}, "invalid option MODEL"),
        ({**GEMINI, "MODEL": "gemini\n"}, "invalid option MODEL"),
        ({**GEMINI, "IDLE_SECONDS": "30"}, "invalid option IDLE_SECONDS"),
        ({**GEMINI, "RETRIES": -1}, "invalid option RETRIES"),
        ({**GEMINI, "BASE_URL": "localhost"}, "invalid option BASE_URL"),
        ({**GEMINI, "API_KEY": "secret-key를 여기에"}, "invalid option API_KEY"),
        ({**OPENAI, "API_KEY": "", "BASE_URL": ""}, "has no API_KEY"),
        ({**OPENAI, "API_KEY": "secret-key", "THREADS": 4}, "unknown option THREADS"),
        ({**GEMINI, "API_KEY": 5}, "invalid option API_KEY"),
        ({**DEMO, "TIMEOUT": 3}, "unknown option TIMEOUT"),
    ],
)
def test_each_error_names_the_alias_and_the_problem_but_no_key(entry: Any, sentence: str) -> None:
    found = problems({"default": DEMO, "broken": entry})

    assert [alias for alias, _sentence, _hint in found] == ["broken"]
    _alias, said, hint = found[0]
    assert said.startswith("LLMS['broken'] ")
    assert sentence in said
    assert hint
    assert "secret-key" not in said + hint


def test_a_backend_whose_module_fails_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unfinished_backend.py").write_text("class Model(")
    monkeypatch.syspath_prepend(tmp_path)
    ((_alias, sentence, hint),) = problems({"default": {"BACKEND": "unfinished_backend.Model"}})

    assert "unknown BACKEND, 'unfinished_backend.Model'" in sentence
    assert "SyntaxError" in hint


def test_a_missing_default_is_a_problem() -> None:
    assert [sentence for _alias, sentence, _hint in problems({"demo": DEMO})] == ["LLMS has no model 'default'."]


@pytest.mark.parametrize("alias", [5, "", "a" * 65, "{a}", "a}b", "a\nb"])
def test_an_invalid_alias_is_a_problem(alias: Any) -> None:
    ((_alias, sentence, _hint),) = problems({"default": DEMO, alias: DEMO})
    assert "invalid alias" in sentence


def test_a_setting_that_is_not_a_dictionary_is_an_error() -> None:
    assert len(problems([DEMO])) == 1
