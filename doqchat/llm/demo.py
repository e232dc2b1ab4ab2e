"""A model that needs no API key, for new installations: answers questions about the conversation.

It recognises questions by keywords, and answers in the language of the message.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime

from pydantic import Field

from doqchat.llm.base import LLM, Finish, LLMOptions, Piece, Turn
from doqchat.llm.context import Message, messages_in
from doqchat.llm.demo_phrases import PHRASES, Phrases

SHOWN_CHARACTERS = 60
SHOWN_MESSAGES = 8

SUMMARY = re.compile(r"요약|정리|summar|recap|要約|まとめ|总结|總結|概括|摘要", re.IGNORECASE)
COUNT = re.compile(r"몇\s*(개|번|건|통|명)|개수|how many|\bcount\b|何件|何通|いくつ|多少|几条|幾條|几个", re.IGNORECASE)
LAST = re.compile(r"마지막|방금|\blast\b|\blatest\b|最後|最后|さっき|刚才|剛才", re.IGNORECASE)
WHO = re.compile(r"누가|누구|\bwho\b|誰|だれ|谁", re.IGNORECASE)
TIME = re.compile(
    r"몇\s*시|(현재|지금)\s*시[간각]|며칠|날짜|what time|time is it|what day|\bdate\b|何時|何日|几点|幾點|几号",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"^\s*@\w+[\s,:]*")

JAPANESE = re.compile(r"[\u3040-\u30ff]")
HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")


class DemoOptions(LLMOptions):
    """PIECE_SECONDS is the mean time between two pieces."""

    MODEL: str = "demo"
    PIECE_SECONDS: float = Field(default=0.045, ge=0)


class DemoLLM(LLM):
    """The demo backend: no network, deterministic answers."""

    provider = "doqchat"
    options_model = DemoOptions
    options: DemoOptions

    async def _open(self, turns: Sequence[Turn], system: str) -> AsyncGenerator[Piece | Finish, None]:
        for piece in re.findall(r"\s*\S{1,4}", answer(turns, datetime.now().astimezone())):
            await asyncio.sleep(self.options.PIECE_SECONDS * random.uniform(2 / 3, 4 / 3))
            yield Piece(piece)
        yield Finish("stop", self.model, None, None)


def answer(turns: Sequence[Turn], now: datetime) -> str:
    """The answer to the last message of the conversation. Only the first answer introduces the demo."""
    *before, asked = [message for turn in turns if turn.role == "user" for message in messages_in(turn.text)]
    phrases = PHRASES[language(asked.text)]
    text = _subject(asked.text)(phrases, before, asked, now)
    is_first = all(turn.role == "user" for turn in turns)
    return f"{phrases.notice}\n\n{text}" if is_first else text


def language(text: str) -> str:
    """The language that the text's script speaks for: ja, ko or zh, otherwise en."""
    if JAPANESE.search(text):
        return "ja"
    if HANGUL.search(text):
        return "ko"
    return "zh" if HAN.search(text) else "en"


Subject = Callable[[Phrases, Sequence[Message], Message, datetime], str]


def _subject(text: str) -> Subject:
    """Which of the answers below the message asks for."""
    subjects: list[tuple[re.Pattern[str], Subject]] = [
        (TIME, _time),
        (SUMMARY, _summary),
        (COUNT, _count),
        (LAST, _last),
        (WHO, _who),
    ]
    return next((subject for words, subject in subjects if words.search(text)), _anything)


def _time(phrases: Phrases, before: Sequence[Message], asked: Message, now: datetime) -> str:
    return phrases.time.format(now=f"{now:%Y-%m-%d %H:%M} ({now:%Z})")


def _summary(phrases: Phrases, before: Sequence[Message], asked: Message, now: datetime) -> str:
    if not before:
        return phrases.nothing
    lines = [_count(phrases, before, asked, now)]
    for role in Counter(message.role for message in before):
        texts = [message.text for message in before if message.role == role]
        line = phrases.spoke_once if len(texts) == 1 else phrases.spoke
        lines.append(line.format(role=role, first=_short(texts[0]), last=_short(texts[-1])))
    return "\n".join(lines)


def _count(phrases: Phrases, before: Sequence[Message], asked: Message, now: datetime) -> str:
    counts = Counter(message.role for message in before)
    shares = ", ".join(phrases.share.format(role=role, count=count) for role, count in counts.items())
    total = phrases.one_message if len(before) == 1 else phrases.messages.format(count=len(before))
    return phrases.counted.format(total=total, shares=shares) if before else phrases.nothing


def _last(phrases: Phrases, before: Sequence[Message], asked: Message, now: datetime) -> str:
    return phrases.last.format(role=before[-1].role, text=_short(before[-1].text)) if before else phrases.nothing


def _who(phrases: Phrases, before: Sequence[Message], asked: Message, now: datetime) -> str:
    if not before:
        return phrases.nothing
    lines = [f"- {message.role}: {_short(message.text)}" for message in before[-SHOWN_MESSAGES:]]
    return "\n".join([phrases.who, *lines])


def _anything(phrases: Phrases, before: Sequence[Message], asked: Message, now: datetime) -> str:
    words = _short(ADDRESS.sub("", asked.text))
    heard = phrases.heard.format(role=asked.role, text=words) if words else ""
    so_far = _count(phrases, before, asked, now) if before else ""
    return "\n".join(line for line in (heard, so_far, phrases.offer) if line)


def _short(text: str) -> str:
    """The text on one line, truncated."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1].rstrip() + "…"
