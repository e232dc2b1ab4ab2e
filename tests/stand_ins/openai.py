"""A stand-in for the OpenAI chat completions API: `python -m tests.stand_ins.openai --port 0`; see `provider`."""

import json
from typing import Any
from urllib.parse import urlsplit

from tests.stand_ins.call import Call
from tests.stand_ins.provider import ProviderStandIn, Refusal, run
from tests.stand_ins.script import Script
from tests.stand_ins.wire import Request

FINISH_NAMES = {"safety": "content_filter"}
ROLES = {"user": "user", "assistant": "model"}


class OpenAIStandIn(ProviderStandIn):
    """It takes requests without a key too, as Ollama, vLLM and llama.cpp do."""

    name = "OpenAI"
    base_path = "/v1"

    def call(self, request: Request) -> Call | None:
        path = urlsplit(request.target).path
        if request.method != "POST" or path != "/v1/chat/completions":
            return None
        body = json.loads(request.body)
        return Call(
            model=body["model"],
            method="chat/completions",
            query={},
            headers=request.headers,
            body=body,
            key=request.headers.get("authorization", "").removeprefix("Bearer "),
            turns=[(ROLES[turn["role"]], turn["content"]) for turn in body["messages"] if turn["role"] in ROLES],
            system="\n".join(turn["content"] for turn in body["messages"] if turn["role"] == "system"),
            is_streamed=body.get("stream", False),
        )

    def refusal(self, status: int, message: str) -> dict[str, Any]:
        kind = "invalid_request_error" if status < 500 else "server_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}

    def refused(self, call: Call, script: Script) -> Refusal | None:
        if call.key.startswith("wrong-key"):
            return 401, self.refusal(401, f"Incorrect API key provided: {call.key}.")
        if call.key == "forbidden-key":
            return 403, self.refusal(403, "You are not allowed to sample from this model.")
        if script.strict and "stream_options" in call.body:
            return 422, self.refusal(422, "Extra inputs are not permitted: body.stream_options")
        if script.block:
            body = self.refusal(400, "The prompt triggered the content management policy.")
            body["error"]["code"] = script.block
            return 400, body
        return None

    def whole(self, call: Call, script: Script) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(script.texts()), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(script)}
        choices = [] if script.empty else [choice]
        return _completion("chat.completion", choices) | {"usage": _usage(script)}

    def chunks(self, call: Call, script: Script) -> list[list[dict[str, Any]]]:
        """Who speaks comes with the first piece; how it ended, and the usage, with the last."""
        together = [[_delta({"content": each}) for each in _said(script, text)] for text in script.texts()] or [[]]
        together[0].insert(0, _delta({"role": "assistant", "content": "", "refusal": None}))
        if script.finish != "none":
            together[-1].append(_delta({}, _finish(script)))
        if script.empty:
            together = [[]]
        if (call.body.get("stream_options") or {}).get("include_usage"):
            together[-1].append(_completion("chat.completion.chunk", []) | {"usage": _usage(script)})
        return together

    def thought(self) -> dict[str, Any]:
        return _delta({"reasoning_content": "Hm."})

    def last_frame(self, call: Call) -> str:
        return "data: [DONE]\n\n"


def _said(script: Script, text: str) -> list[Any]:
    """The contents of the chunks that say a text."""
    if not script.parts:
        return [text]
    thoughts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]
    return [thoughts, [{"type": "text", "text": text}]]


def _finish(script: Script) -> str:
    return FINISH_NAMES.get(script.finish, script.finish)


def _delta(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _completion("chat.completion.chunk", [choice]) | {"usage": None, "obfuscation": "Qm7xT2"}


def _completion(kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-stand-in",
        "object": kind,
        "created": 1700000000,
        "model": "stand-in-001",
        "service_tier": "default",
        "system_fingerprint": "fp_stand_in",
        "choices": choices,
    }


def _usage(script: Script) -> dict[str, Any]:
    return {"prompt_tokens": 7, "completion_tokens": script.pieces, "total_tokens": 7 + script.pieces}


if __name__ == "__main__":
    run(OpenAIStandIn)
