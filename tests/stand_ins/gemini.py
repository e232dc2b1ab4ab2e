"""A stand-in for the Gemini REST API: `python -m tests.stand_ins.gemini --port 0`; see `provider` for what it does."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.stand_ins.call import Call
from tests.stand_ins.provider import ProviderStandIn, Refusal, run
from tests.stand_ins.script import Script
from tests.stand_ins.wire import Request

METHOD = re.compile(r"^/(?:v1beta|v1)/models/([^:/]+):(generateContent|streamGenerateContent)$")
FINISH_NAMES = {"stop": "STOP", "length": "MAX_TOKENS", "safety": "SAFETY"}
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


class GeminiStandIn(ProviderStandIn):
    """Without alt=sse it streams a list, as the API does, and then writes the values of enums as numbers."""

    name = "Gemini"

    def call(self, request: Request) -> Call | None:
        url = urlsplit(request.target)
        method = METHOD.match(url.path)
        if request.method != "POST" or not method:
            return None
        body = json.loads(request.body)
        return Call(
            model=method[1],
            method=method[2],
            query=parse_qs(url.query),
            headers=request.headers,
            body=body,
            key=request.headers.get("x-goog-api-key", ""),
            turns=[(turn.get("role", "user"), _text(turn)) for turn in body.get("contents", [])],
            system=_text(body.get("systemInstruction", {})),
            is_streamed=method[2] == "streamGenerateContent",
        )

    def refusal(self, status: int, message: str) -> dict[str, Any]:
        return {"error": {"code": status, "message": message, "status": STATUS_NAMES.get(status, "UNKNOWN")}}

    def refused(self, call: Call, script: Script) -> Refusal | None:
        if call.key.startswith("wrong-key"):
            body = self.refusal(400, f"API key not valid: {call.key}. Please pass a valid API key.")
            reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            body["error"]["details"] = [reason]
            return 400, body
        if call.key in ("", "forbidden-key"):
            return 403, self.refusal(403, "The caller does not have permission.")
        return None

    def whole(self, call: Call, script: Script) -> dict[str, Any]:
        last = _chunks(script, as_numbers=False)[-1]
        for candidate in last.get("candidates", []):
            candidate["content"]["parts"] = [{"text": "".join(script.texts())}]
        return last

    def chunks(self, call: Call, script: Script) -> list[list[dict[str, Any]]]:
        return [[chunk] for chunk in _chunks(script, as_numbers=not _is_sse(call))]

    def thought(self) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hm.", "thought": True}]}, "index": 0}]}

    def error_body(self, call: Call, body: Any) -> Any:
        return [body] if call.is_streamed and not _is_sse(call) else body

    def stream_type(self, call: Call) -> str:
        return super().stream_type(call) if _is_sse(call) else "application/json; charset=UTF-8"

    def error_frame(self, call: Call, error: dict[str, Any]) -> str:
        # The API does not make events of its errors: it writes them between those, over several lines.
        return json.dumps(error, indent=2) + "\r\n" if _is_sse(call) else super().error_frame(call, error)

    def frame(self, call: Call, data: str) -> str:
        if _is_sse(call):
            return f"data: {data}\r\n\r\n"
        return (",\r\n" if call.pieces else "[") + data

    def last_frame(self, call: Call) -> str:
        return "" if _is_sse(call) else "]"


def _is_sse(call: Call) -> bool:
    return call.query.get("alt") == ["sse"]


def _text(content: dict[str, Any]) -> str:
    return "".join(part.get("text", "") for part in content.get("parts", []))


def _chunks(script: Script, *, as_numbers: bool) -> list[dict[str, Any]]:
    """One piece each, and how the answer ended in the last."""
    usage = {"promptTokenCount": 7, "candidatesTokenCount": script.pieces, "totalTokenCount": 7 + script.pieces}
    common = {"usageMetadata": usage, "modelVersion": "stand-in-001"}
    if script.block:
        reason = BLOCK_NUMBERS[script.block] if as_numbers else script.block
        return [{"promptFeedback": {"blockReason": reason}, **common}]
    if script.empty:
        return [common]
    said: list[dict[str, Any]] = [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}], **common}
        for text in script.texts()
    ] or [{"candidates": [{"content": {"role": "model"}, "index": 0}], **common}]
    if script.finish != "none":
        name = FINISH_NAMES.get(script.finish, script.finish)
        said[-1]["candidates"][0]["finishReason"] = FINISH_NUMBERS[name] if as_numbers else name
    return [_with_nulls(chunk) for chunk in said] if script.nulls else said


def _with_nulls(chunk: dict[str, Any]) -> dict[str, Any]:
    """The chunk as a gateway may write it that knows all fields of the API."""
    (candidate,) = chunk["candidates"]
    parts = [{"thought": None, **part} for part in candidate["content"].get("parts", [])]
    content = {**candidate["content"], "parts": parts or None}
    return {"promptFeedback": None, **chunk, "candidates": [{"finishReason": None, **candidate, "content": content}]}


if __name__ == "__main__":
    run(GeminiStandIn)
