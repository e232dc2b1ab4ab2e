"""What a benchmark says of its targets."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Outcome:
    """Whether one target is met, and the sentence that says so."""

    passed: bool
    text: str

    @classmethod
    def on(cls, passed: bool, what: str) -> Self:
        """The outcome for a measurement."""
        return cls(passed, f"{what}: {'pass' if passed else 'NOT MET'}")
