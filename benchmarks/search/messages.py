"""Messages in Korean and English whose words are as unequally common as those of languages (Zipf's law)."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

SESSIONS = 10_000
LONG = "session-0"
"""A session that every 50th message is in."""

PLANTED = {"혜윰": 1, "샛별": 50, "윤슬": 5_000}
"""Words that nothing else contains, and in how many messages they are, of a million."""

_SYLLABLES = (
    "가나다라마바사아자차카타파하강남동서울부산대구인천광주전수원고양용성화평안시정진보민지우현준연영희철"
    "호경미선상은조장임오한신권황송류홍문손배백허유심노곽차구엄채방공함변염여추도소석설길위표명기반왕금옥육맹제모탁국어편"
)
_PARTICLES = ("은", "는", "이", "가", "을", "를", "에서", "에", "으로", "도", "까지", "부터", "하고", "의")
_ENDINGS = ("습니다", "어요", "네요", "했어요", "합니다", "겠습니다", "일까요?")
_LETTERS = "etaoinshrdlucmfwypvbgkjqxz"
_OFTEN = [127, 91, 82, 75, 70, 67, 63, 61, 60, 43, 40, 28, 28, 24, 24, 22, 20, 19, 15, 10, 8, 2, 2, 1, 1, 1]
"""How often each letter occurs in English, per mille."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a session."""

    sid: str
    text: str


class Language:
    """A vocabulary, whose first words are the most common.

    Args:
        words: the vocabulary.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self._weights = list(accumulate(1 / (rank + 5) for rank in range(len(words))))

    def some(self, chance: random.Random) -> list[str]:
        """The words of a sentence."""
        return chance.choices(self.words, cum_weights=self._weights, k=chance.randint(4, 14))


_chance = random.Random(1)
KOREAN = Language(["".join(_chance.choices(_SYLLABLES, k=_chance.choice((2, 2, 2, 3, 3, 4)))) for _ in range(40_000)])
ENGLISH = Language(["".join(_chance.choices(_LETTERS, _OFTEN, k=_chance.randint(2, 9))) for _ in range(20_000)])


def messages(count: int) -> Iterator[Message]:
    """As many messages; each session gets some in a row."""
    chance = random.Random(2)
    planted = {
        chance.randrange(count): word for word, of in PLANTED.items() for _ in range(of * count // 1_000_000 or 1)
    }
    sid = LONG
    for number in range(count):
        if number % 100 == 0:
            sid = f"session-{0 if number % 5_000 == 0 else chance.randrange(1, SESSIONS)}"
        yield Message(sid, f"{_sentence(chance)} {planted.get(number, '')}".strip())


def _sentence(chance: random.Random) -> str:
    if chance.random() < 0.3:
        return " ".join(ENGLISH.some(chance))
    words = " ".join(word + chance.choice(_PARTICLES) for word in KOREAN.some(chance))
    number = f" {chance.randrange(100_000)}" if chance.random() < 0.2 else ""
    return f"{words}{chance.choice(_ENDINGS)}{number}"
