"""What the Gemini stand-in says: scripts, and the API's JSON made from them."""

from dataclasses import dataclass, fields, replace
from typing import Any

FINISH_NUMBERS = {"STOP": 1, "MAX_TOKENS": 2, "SAFETY": 3, "RECITATION": 4, "OTHER": 5, "BLOCKLIST": 7}
BLOCK_NUMBERS = {"SAFETY": 1, "OTHER": 2, "BLOCKLIST": 3, "PROHIBITED_CONTENT": 4}
STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


@dataclass(frozen=True)
class Script:
    """What happens to a request. `hang`, `cut` and `malformed` count pieces already sent; -1 means never."""

    pieces: int = 3
    pace: float = 0.0  # seconds before each piece
    text: str = ""  # the whole answer, cut into that many pieces; numbered pieces when empty
    status: int = 200  # an HTTP error instead of an answer
    times: int = 0  # how often it comes before the same text is answered; 0 means always
    drop: int = 0  # breaks the connection before the headers, so many times for the same text
    html: bool = False  # a web page instead of JSON, with that status
    silent: bool = False  # says nothing at all, not even headers
    hang: int = -1  # says nothing more
    cut: int = -1  # breaks the connection
    malformed: int = -1  # sends a chunk that is not JSON
    finish: str = "STOP"  # the finish reason; `none` sends none
    block: str = ""  # blocks the prompt, for that reason
    empty: bool = False  # sends no candidates

    def with_values(self, values: dict[str, Any]) -> "Script":
        """The script with some values changed, given as they are or as text."""
        kinds = {each.name: type(each.default) for each in fields(self)}
        return replace(self, **{name: _cast(kinds[name], value) for name, value in values.items()})


def whole(script: Script) -> dict[str, Any]:
    """The answer in one object, as generateContent sends it."""
    parts = chunks(script, as_numbers=False)
    last = parts[-1]
    for candidate in last.get("candidates", []):
        candidate["content"]["parts"] = [{"text": "".join(pieces(script))}]
    return last


def chunks(script: Script, *, as_numbers: bool) -> list[dict[str, Any]]:
    """The answer's chunks, one piece each and how it ended in the last; enum values as names or as numbers."""
    usage = {"promptTokenCount": 7, "candidatesTokenCount": script.pieces, "totalTokenCount": 7 + script.pieces}
    common = {"usageMetadata": usage, "modelVersion": "stand-in-001"}
    if script.block:
        reason = BLOCK_NUMBERS[script.block] if as_numbers else script.block
        return [{"promptFeedback": {"blockReason": reason}, **common}]
    if script.empty:
        return [common]
    said: list[dict[str, Any]] = [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}], **common}
        for text in pieces(script)
    ] or [{"candidates": [{"content": {"role": "model"}, "index": 0}], **common}]
    if script.finish != "none":
        said[-1]["candidates"][0]["finishReason"] = FINISH_NUMBERS[script.finish] if as_numbers else script.finish
    return said


def pieces(script: Script) -> list[str]:
    """The texts of the answer's pieces."""
    if not script.text:
        return [f"조각 {number} 🙂 " for number in range(1, script.pieces + 1)]
    size = -(-len(script.text) // max(script.pieces, 1))
    return [script.text[start : start + size] for start in range(0, len(script.text), size)]


def refusal(status: int, message: str, reason: str = "") -> dict[str, Any]:
    """An error as the API writes it."""
    error: dict[str, Any] = {"code": status, "message": message, "status": STATUS_NAMES.get(status, "UNKNOWN")}
    if reason:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    return {"error": error}


def _cast(kind: type, value: Any) -> Any:
    if kind is bool and isinstance(value, str):
        return value.lower() in ("1", "true", "yes")
    return kind(value)
