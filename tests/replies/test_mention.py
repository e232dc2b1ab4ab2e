"""What counts as calling the assistant."""

import pytest

from doqchat.replies.mention import mentions


@pytest.mark.parametrize(
    ("text", "calls"),
    [("안녕@llm", True), ("저기@ai야", True), ("me@ai.com", False), ("a.b@llm", False), ("@ llm", False)],
)
def test_the_assistant_can_be_called_right_behind_a_korean_word(text: str, calls: bool) -> None:
    assert mentions(text) is calls
