"""Detection of mentions."""

import pytest

from doqchat.replies.mention import mentions
from tests.replies.calls import CALLS, OTHERS, Call


@pytest.mark.parametrize("call", CALLS, ids=repr)
def test_a_mention_is_detected(call: Call) -> None:
    assert mentions(*call)


@pytest.mark.parametrize("call", OTHERS, ids=repr)
def test_text_that_resembles_a_mention_is_not_one(call: Call) -> None:
    assert not mentions(*call)


@pytest.mark.parametrize("after", ["", "\n", " ", ".", "야"])
@pytest.mark.parametrize("before", ["", "\n", "  ", "야", "@", "x@ai.example "])
def test_a_mention_after_a_long_text_is_detected(before: str, after: str) -> None:
    filler = "가나다 " * 1_000 + "a\u0300\u0316" * 500 + "야"
    assert mentions(f"{filler} {before.rstrip('@')}@도우미{after}", "도우미")
    assert not mentions(f"{filler}{before}x@도우미{after}", "도우미")
