"""What counts as calling the assistant."""

import pytest

from doqchat.replies.mention import mentions
from tests.replies.calls import CALLS, OTHERS, Call


@pytest.mark.parametrize("call", CALLS, ids=repr)
def test_the_assistant_is_called(call: Call) -> None:
    assert mentions(*call)


@pytest.mark.parametrize("call", OTHERS, ids=repr)
def test_what_only_looks_like_a_mention_does_not_call_the_assistant(call: Call) -> None:
    assert not mentions(*call)


@pytest.mark.parametrize("after", ["", "\n", " ", ".", "야"])
@pytest.mark.parametrize("before", ["", "\n", "  ", "야", "@", "x@ai.example "])
def test_a_mention_behind_a_long_text_is_found(before: str, after: str) -> None:
    filler = "가나다 " * 1_000 + "a\u0300\u0316" * 500 + "야"
    assert mentions(f"{filler} {before.rstrip('@')}@도우미{after}", "도우미")
    assert not mentions(f"{filler}{before}x@도우미{after}", "도우미")
