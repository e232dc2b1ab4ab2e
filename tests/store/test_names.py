"""Valid display names and titles."""

import pytest
from pydantic import ValidationError

from doqchat.protocol.frames import refusal
from doqchat.store.settings import SessionSettings


@pytest.mark.parametrize("name", ["", "민지", "Jean-Luc O'Neil", "さくら (先生)", "D. 김", "👩‍💻", "می‌نا", "x" * 40])
def test_names_in_any_script_are_accepted(name: str) -> None:
    assert SessionSettings(name_a=name, name_b=name, name_llm=name).name_a == name


@pytest.mark.parametrize(
    "name",
    [
        *("A] B", "[B", "@all", "x" * 41),
        *("a\nb", "a\rb", "a\tb", "a\x0bb", "a\x0cb", "a\x1cb", "a\x85b", "a\u2028b", "a\u2029b", "a\x00b", "a\x7fb"),
        *("a\u200bb", "a\u202eb", "a\u2066b", "a\u200fb", "a\ufeffb", "a\xadb", "a\U000e0041b"),
    ],
)
def test_names_with_brackets_or_invisible_characters_are_refused(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SessionSettings(name_b=name)

    assert refusal(caught.value).field == "name_b"


def test_the_refusal_of_a_name_states_the_rule() -> None:
    with pytest.raises(ValidationError) as caught:
        SessionSettings(name_a="A]")

    assert refusal(caught.value).message == "name_a: a name must not contain brackets, @ or invisible characters."


@pytest.mark.parametrize("title", ["", "[3] @home: 수학 과외 👩‍💻", "رياضيات", "x" * 80])
def test_titles_in_any_script_are_accepted(title: str) -> None:
    assert SessionSettings(title=title).title == title


@pytest.mark.parametrize("title", ["x" * 81, "a\nb", "a\tb", "a\u2028b", "a\u202eb", "a\u200bb"])
def test_long_titles_and_titles_with_invisible_characters_are_refused(title: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SessionSettings(title=title)

    assert refusal(caught.value).field == "title"
