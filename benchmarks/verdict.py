"""What a benchmark says of its targets."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Verdict:
    """Whether one target is met, and the sentence that says so."""

    passed: bool
    text: str

    @classmethod
    def on(cls, passed: bool, what: str) -> Self:
        """The verdict on what was measured."""
        return cls(passed, f"{what}: {'pass' if passed else 'NOT MET'}")
