"""The model that needs no key."""

from datetime import datetime

import pytest

from doqchat.llm.base import Finish, Piece, Turn
from doqchat.llm.context import labelled
from doqchat.llm.demo import DemoLLM, answer, language

NOW = datetime.fromisoformat("2026-01-02T03:04:00+09:00")
TALK = [("A", "안녕하세요!\n반가워요"), ("B", "점심 뭐 먹을까요?"), ("A", "김치찌개 어때요?")]


def conversation(prompt: str) -> list[Turn]:
    return [Turn("user", "\n".join(labelled(role, text) for role, text in [*TALK, ("B", prompt)]))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("안녕 hello", "ko"), ("Hello", "en"), ("要約してください", "ja"), ("总结一下", "zh"), ("😊", "en")],
)
def test_the_language_is_that_of_the_script(text: str, expected: str) -> None:
    assert language(text) == expected


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("@llm 요약해줘", ["메시지 3개", "A 2개, B 1개", "“안녕하세요! 반가워요”", "“김치찌개 어때요?”"]),
        ("Please summarise", ["3 messages", "A 2, B 1", "B said “점심 뭐 먹을까요?”"]),
        ("メッセージは何件ですか", ["メッセージ3件"]),
        ("一共有多少条消息", ["3 条消息"]),
        ("마지막 메시지가 뭐야?", ["A의 “김치찌개 어때요?”"]),
        ("what was the last message", ["from A: “김치찌개 어때요?”"]),
        ("누가 뭐라고 했어?", ["- A: 안녕하세요! 반가워요", "- B: 점심 뭐 먹을까요?"]),
        ("지금 몇 시야?", ["2026-01-02 03:04"]),
        ("现在几点", ["2026-01-02 03:04"]),
        ("@llm 배고프다", ["B의 메시지를 읽었어요: “배고프다”", "메시지 3개", "요약"]),
        ("hello there", ["B's message: “hello there”", "3 messages", "summary"]),
    ],
)
def test_it_answers_about_the_conversation_in_the_language_it_is_asked_in(prompt: str, parts: list[str]) -> None:
    text = answer(conversation(prompt), NOW)

    assert [part for part in parts if part not in text] == []


@pytest.mark.parametrize("prompt", ["요약", "summary", "要約して", "总结"])
def test_it_says_in_its_first_answer_only_that_it_is_the_demo_and_how_to_get_a_real_one(prompt: str) -> None:
    first = answer(conversation(prompt), NOW)
    second = answer([*conversation(prompt), Turn("model", first), Turn("user", labelled("A", prompt))], NOW)

    assert first.count("GEMINI_API_KEY") == 1
    assert "GEMINI_API_KEY" not in second


@pytest.mark.parametrize("prompt", ["요약", "몇 개", "last?", "who?", "안녕"])
def test_it_has_an_answer_before_anybody_else_has_written(prompt: str) -> None:
    assert answer([Turn("user", prompt)], NOW).strip()


async def test_it_streams_a_few_characters_at_a_time_and_the_same_text_each_time() -> None:
    model = DemoLLM("demo", {"PIECE_SECONDS": 0})
    events = [event async for event in model.stream(conversation("요약해줘"))]
    pieces = [event.text for event in events if isinstance(event, Piece)]

    assert len(pieces) > 20
    assert max(len(piece.strip()) for piece in pieces) <= 4
    assert "".join(pieces) == str(await model.generate(conversation("요약해줘")))
    assert events[-1] == Finish("stop", "demo", None, None)
