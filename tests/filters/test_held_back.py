"""The output of a model is released as the filters leave it, and nothing that is shown is withdrawn."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doqchat.filters import Filters, Message, Rejected
from doqchat.worker import held_back as module
from doqchat.worker.held_back import HELD_BACK, STEP, HeldBack

NUMBER = re.compile(r"\d{3}-\d{4}")
WORDS = st.sampled_from(["안녕하세요.", "Hello", "555-1234", "다음은", "12", "-3456", "\n", "정말요?", "a" * 70])


async def mask(message: Message) -> str | None:
    return NUMBER.sub("[number]", message.text)


async def no_numbers(message: Message) -> str | None:
    if NUMBER.search(message.text):
        raise Rejected("No numbers.")
    return None


async def no_half_words(message: Message) -> str | None:
    """Rejects a text that may be the beginning of an allowed one."""
    if re.search(r"https?://(?!example\.org/)", message.text):
        raise Rejected("Only links to example.org.")
    return None


def held_back(filter_: object) -> HeldBack:
    return HeldBack(Filters([("filter", filter_)]), "room")  # type: ignore[list-item]


@st.composite
def split_texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A text, and the pieces that a model sends it in."""
    text = " ".join(draw(st.lists(WORDS, min_size=1, max_size=30)))
    cuts = sorted(draw(st.sets(st.integers(1, max(len(text) - 1, 1)), max_size=20)))
    return text, [text[begin:end] for begin, end in pairwise([0, *cuts, len(text)])]


@pytest.fixture(scope="module", autouse=True, params=[30, 1_000])
def context(request: pytest.FixtureRequest) -> Iterator[None]:
    """How much of an answer the filters see."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CONTEXT", request.param)
        yield


@given(split_texts())
async def test_however_a_text_is_split_it_is_shown_as_if_filtered_whole(given: tuple[str, list[str]]) -> None:
    text, pieces = given
    output = held_back(mask)
    shown = [await output.add(piece) for piece in pieces]
    assert "".join([*shown, await output.finish()]) == NUMBER.sub("[number]", text)


@given(split_texts())
async def test_nothing_rejected_is_shown(given: tuple[str, list[str]]) -> None:
    text, pieces = given
    output, shown = held_back(no_numbers), ""
    try:
        for piece in pieces:
            shown += await output.add(piece)
        shown += await output.finish()
    except Rejected:
        found = NUMBER.search(text)
        assert found
        assert text[: found.end() - 1].startswith(shown)
    else:
        assert shown == text
        assert not NUMBER.search(text)


async def test_a_text_that_becomes_allowed_is_not_rejected() -> None:
    text = "See https://example.org/" + "a" * 200
    output = held_back(no_half_words)
    assert "".join([await output.add(letter) for letter in text]) + await output.finish() == text


@pytest.mark.parametrize(("text", "shown"), [("a" * (HELD_BACK + STEP), STEP), ("그래요. 그런데", 5), ("a.b@c.de", 0)])
async def test_the_end_is_held_back_but_not_a_whole_sentence(text: str, shown: int) -> None:
    assert len(await held_back(mask).add(text)) == shown


async def test_a_filter_that_would_change_shown_text_ends_the_answer() -> None:
    async def no_secrets(message: Message) -> str | None:
        return "…" if "secret" in message.text else None

    output = held_back(no_secrets)
    assert await output.add("This is shown. ") == "This is shown. "
    await output.add("This is a secret.")
    with pytest.raises(Rejected, match="already shown"):
        await output.finish()
