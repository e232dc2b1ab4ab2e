"""Masks personal data: e-mail addresses, and the numbers of phones, people, businesses, passports and cards."""

import re
from collections.abc import Iterator, Mapping, Sequence

from doqchat.filters.cards import cards
from doqchat.filters.chain import Message
from doqchat.filters.korean_numbers import businesses, passports, people
from doqchat.filters.phones import phones
from doqchat.filters.recogniser import Found, fold

REPLACEMENTS = {
    "email": "[e-mail]",
    "resident": "[resident number]",
    "foreigner": "[foreigner number]",
    "card": "[card number]",
    "business": "[business number]",
    "phone": "[phone number]",
    "passport": "[passport number]",
}
"""What is shown in place of each kind."""

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9](?:[A-Za-z0-9._%+'-]{0,62}[A-Za-z0-9_+-])?"
    r"@(?:[A-Za-z0-9-]{1,63}\.){1,8}(?!(?:png|jpe?g|gif|svg|webp)(?![A-Za-z]))[A-Za-z]{2,24}(?![A-Za-z-]|:[\w/])"
)


class PersonalData:
    """A filter that masks personal data.

    Args:
        kinds: what to mask, of the names in REPLACEMENTS.
        regions: the countries whose phone numbers may be written without a country code, as two capital letters.
        replacements: what is shown instead, by kind, where it is not to be that of REPLACEMENTS.

    Raises:
        ValueError: there is no such kind or country.
    """

    def __init__(
        self,
        kinds: Sequence[str] = tuple(REPLACEMENTS),
        regions: Sequence[str] = ("KR", "US"),
        replacements: Mapping[str, str] | None = None,
    ) -> None:
        self._kinds = frozenset(kinds)
        self._replacements = {**REPLACEMENTS, **(replacements or {})}
        if unknown := self._kinds.union(self._replacements) - REPLACEMENTS.keys():
            raise ValueError(f"there is no kind {min(unknown)!r}; there are {', '.join(REPLACEMENTS)}")
        # The first to recognise a piece of text decides.
        self._recognisers = (_emails, people, cards, businesses, phones(regions), passports)

    async def __call__(self, message: Message) -> str | None:
        """The text with a replacement in place of each piece of personal data; None if there is none."""
        text, end, parts = message.text, 0, []
        for found in self.find(text):
            parts += [text[end : found.begin], self._replacements[found.kind]]
            end = found.end
        return "".join([*parts, text[end:]]) if parts else None

    def find(self, text: str) -> list[Found]:
        """The personal data in a text, in its order and without overlaps."""
        folded, found = fold(text), list[Found]()
        for recogniser in self._recognisers:
            known = list(found)
            found += [new for new in recogniser(folded) if all(new.end <= k.begin or k.end <= new.begin for k in known)]
        return sorted((piece for piece in found if piece.kind in self._kinds), key=lambda piece: piece.begin)


def _emails(text: str) -> Iterator[Found]:
    return (Found("email", match.start(), match.end()) for match in _EMAIL.finditer(text) if "@" in text)


mask = PersonalData()
"""The filter with its defaults."""
