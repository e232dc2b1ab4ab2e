"""What a stand-in does with a request, whichever API it speaks."""

import re
from dataclasses import dataclass, fields, replace
from typing import Any

# The label under which doqchat shows a message may stand before the marker.
MARKER = re.compile(r"\[\[([^\]]*)\]\]")
STAMP = "@time"
"""What stands for the time in a piece until it is sent."""


@dataclass(frozen=True)
class Script:
    """What happens to a request. `hang`, `cut`, `malformed` and `error` count pieces already sent; -1 means never."""

    pieces: int = 3
    pace: float = 0.0  # seconds from one piece to the next, and before the first
    text: str = ""  # the whole answer, cut into that many pieces; numbered pieces when empty
    stamped: bool = False  # each numbered piece says when it was sent: @ and the time, as time.monotonic() has it
    status: int = 200  # an HTTP error instead of an answer
    times: int = 0  # how often it comes before the same text is answered; 0 means always
    drop: int = 0  # breaks the connection before the headers, so many times for the same text
    html: bool = False  # a web page instead of JSON, with that status
    strict: bool = False  # refuses options of a request that not every server knows
    window: int = 0  # refuses a conversation of more characters as too long for its context; 0 takes any
    no_system: bool = False  # refuses instructions
    silent: bool = False  # says nothing at all, not even headers
    thoughts: int = 0  # so many chunks of reasoning come before the answer, each after the pace
    hang: int = -1  # says nothing more
    linger: bool = False  # keeps the connection open after all the pieces, and does not end the stream
    cut: int = -1  # breaks the connection
    endless: bool = False  # closes the connection after all the pieces, before what ends the stream
    malformed: int = -1  # sends a chunk that is not JSON, and has the key in it
    error: int = -1  # says in mid-answer that it is overloaded
    noise: bool = False  # server-sent events with all that their specification says to ignore, and an end mark
    nulls: bool = False  # Gemini's chunks have null where there is nothing to say
    parts: bool = False  # OpenAI's chunks have lists of parts, thoughts among them, as Mistral writes them
    finish: str = "stop"  # the finish reason: `stop`, `length`, `safety`, one by its API's name, or `none` for none
    block: str = ""  # blocks the prompt, for that reason
    empty: bool = False  # sends no candidates

    def with_values(self, values: dict[str, Any]) -> "Script":
        """The script with some values changed, given as they are or as text."""
        kinds = {each.name: type(each.default) for each in fields(self)}
        return replace(self, **{name: _cast(kinds[name], value) for name, value in values.items()})

    def texts(self) -> list[str]:
        """The texts of the answer's pieces."""
        if not self.text:
            stamp = f"{STAMP} " if self.stamped else ""
            return [f"조각 {number} 🙂 {stamp}" for number in range(1, self.pieces + 1)]
        size = -(-len(self.text) // max(self.pieces, 1))
        return [self.text[start : start + size] for start in range(0, len(self.text), size)]


def script_in(text: str) -> Script | None:
    """The script that a marker in the text describes."""
    marker = MARKER.search(text)
    return Script().with_values(dict(pair.split("=", 1) for pair in marker[1].split())) if marker else None


def _cast(kind: type, value: Any) -> Any:
    if kind is bool and isinstance(value, str):
        return value.lower() in ("1", "true", "yes")
    return kind(value)
