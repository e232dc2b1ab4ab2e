"""The filters that are shipped: personal data, the block list, links, plain text."""

from collections.abc import Callable

import pytest

from doqchat.filters import Filter, Filters, Message, Rejected
from doqchat.filters.block_list import BlockList
from doqchat.filters.links import Links
from doqchat.filters.personal_data import REPLACEMENTS, PersonalData, mask
from doqchat.filters.plain_text import PlainText
from tests.docs.pages import ROOT
from tests.filters.scores import CORPUS, Score, lines, scores

PERSONAL = sorted(file.name for file in CORPUS.glob("*.tsv") if not file.name.startswith("block_list"))
LEAST = 0.98


def message(text: str, role: str = "A") -> Message:
    return Message("room", role, "chat.message", text)


@pytest.fixture(scope="module")
def found() -> dict[str, Score]:
    """The scores of all kinds of personal data, and of the block list."""
    words = BlockList()
    personal = [(line.marked, {tuple(piece) for piece in mask.find(line.text)}) for line in lines(*PERSONAL)]
    blocked = [
        ({("blocked", 0, 0)} if line.marked else set(), {("blocked", 0, 0)} if words.find(line.text) else set())
        for line in lines("block_list.tsv")
    ]
    return scores(personal) | scores(blocked)


def test_personal_data_and_blocked_words_are_found_in_the_corpus(found: dict[str, Score]) -> None:
    assert sum(1 for _ in lines(*PERSONAL)) >= 400
    assert sum(1 for _ in lines("block_list.tsv")) >= 150
    assert found.keys() == {*REPLACEMENTS, "blocked"}
    assert min(score.right for score in found.values()) >= 30
    assert {kind: score for kind, score in found.items() if min(score.precision, score.recall) < LEAST} == {}


@pytest.mark.parametrize(("language", "block_list"), [("en", "block list"), ("ko", "차단 목록")])
def test_the_pages_state_these_scores(found: dict[str, Score], language: str, block_list: str) -> None:
    page = (ROOT / "docs" / language / "filters.md").read_text()
    for kind, score in found.items():
        name = block_list if kind == "blocked" else f"`{kind}`"
        numbers = f"{score.right} | {score.wrong} | {score.missed} | {score.precision:.3f} | {score.recall:.3f}"
        assert f"| {name} | {numbers} |" in page


@pytest.mark.parametrize(
    ("filter_", "before", "after"),
    [
        (mask, "메일은kim@naver.com이고 010-1234-5678", "메일은[e-mail]이고 [phone number]"),
        (mask, "안녕하세요", None),
        (PersonalData(kinds=["email"]), "kim@naver.com 010-1234-5678", "[e-mail] 010-1234-5678"),
        (PersonalData(replacements={"phone": "●"}), "010-1234-5678", "●"),
        (PersonalData(regions=[]), "+82 (0)10-1234-5678, 415-555-2671", "[phone number], 415-555-2671"),
        (PersonalData(regions=["GB"]), "020 7946 0958 or 010-1234-5678", "[phone number] or 010-1234-5678"),
        (Links(replacement="[link]"), "보세요 https://a.example/길?x=1.", "보세요 [link]길?x=1."),
        (
            Links(replacement="[link]"),
            "see (https://a.example/b), www.b.com/c or naver.com에서",
            "see ([link]), [link] or [link]에서",
        ),
        (
            Links(replacement="[link]"),
            "youtu.be/x 네이버.com에서 www.a.example evil。com",
            "[link] [link]에서 [link] [link]",
        ),
        (Links(["example.org"], "[link]"), "https://docs.example.org/a EXAMPLE.org", None),
        (Links(["example.org"], "[link]"), "https://example.org.evil.com/", "[link]"),
        (Links(["example.org"], "[link]"), "https://example.org@evil.com/ https://[", "[link] [link]"),
        (Links(), "1.5배, v2.0.1, e.g. this, kim@naver.com, file.py", None),
        (PlainText(), "a\x00b\u202ec\u200bd\n\te", "abcd\n\te"),
        (PlainText(), "👨‍👩‍👧 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 한글", None),
        (PlainText(longest=3), "abc", None),
    ],
)
async def test_texts_are_replaced(filter_: Filter, before: str, after: str | None) -> None:
    assert (await Filters([("filter", filter_)]).apply(message(before))).text == (before if after is None else after)


@pytest.mark.parametrize(
    ("filter_", "text", "said"),
    [
        (Links(), "http://a.example", "Links are not allowed here."),
        (Links(message="링크는 안 돼요."), "bit.ly/abc", "링크는 안 돼요."),
        (PlainText(longest=3), "abcd", "A message may have 3 characters at most here."),
        (PlainText(), "\u200b\u200b", "This message has no visible characters."),
        (BlockList(), "시~발", "This message contains a word that is not allowed here."),
        (
            BlockList(words=["바보", "dummy"], file=None),
            "바~보야",
            "This message contains a word that is not allowed here.",
        ),
        (
            BlockList(words=["바보", "dummy"], file=None),
            "DUMMY!",
            "This message contains a word that is not allowed here.",
        ),
    ],
)
async def test_texts_are_rejected(filter_: Filter, text: str, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        await Filters([("filter", filter_)]).apply(message(text))


@pytest.mark.parametrize("text", ["바보상자", "바나나보트", "dummyland", "시발"])
def test_a_list_of_the_sites_own_has_its_own_exceptions(text: str) -> None:
    assert BlockList(words=["바보", "dummy"], allow=["바보상자"], file=None).find(text) is None


async def test_every_control_character_is_removed_wherever_it_is() -> None:
    unwanted = [*range(0x20), *range(0x7F, 0xA0), 0x200B, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A)]
    unwanted = [code for code in unwanted if chr(code) not in "\t\n\r"] + [0xFEFF, 0xFFFB, 0xE0001, 0xE007F]
    for code in unwanted:
        filtered = await Filters([("filter", PlainText())]).apply(message(f"printable{chr(code)}"))
        assert (filtered.text, filtered.replaced_by) == ("printable", ["filter"]), hex(code)


async def test_the_length_of_the_models_answers_is_not_limited() -> None:
    assert (await Filters([("filter", PlainText(longest=3))]).apply(message("abcd", "llm"))).text == "abcd"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: PersonalData(kinds=["shoe size"]), "shoe size"),
        (lambda: PersonalData(regions=["Korea"]), "Korea"),
        (lambda: PlainText(longest=0), "at least 1"),
        (lambda: BlockList(words=[""], file=None), "begin with a letter"),
    ],
)
def test_wrong_options_are_named(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
