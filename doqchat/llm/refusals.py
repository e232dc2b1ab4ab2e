"""Parses and classifies errors of providers, in all known formats.

OpenAI, Anthropic and Google put an object under `error`; Ollama and TGI a text. FastAPI servers write `detail`, vLLM
and Mistral an object that is the error itself, and gateways any of these, in a list or in a stream.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from doqchat.llm.answers import ErrorCode
from doqchat.llm.retry_after import seconds_in_body, seconds_in_headers

ERROR_FIELDS = ("error", "errors", "detail")
ANSWER_FIELDS = {"choices", "candidates"}
MESSAGE_FIELDS = ("message", "Message", "msg", "error_message", "errorMessage", "detail", "error")
NAME_FIELDS = ("code", "type", "status", "error_type", "error_code", "__type")
STATUS_FIELDS = ("code", "status", "status_code", "statusCode", "http_status")

LONGEST_READ = 10_000
"""Maximum number of characters of a message that are classified."""

STATUS_OF_NAME = {
    "invalidrequesterror": 400,
    "invalidargument": 400,
    "badrequesterror": 400,
    "authenticationerror": 401,
    "unauthenticated": 401,
    "invalidapikey": 401,
    "permissionerror": 403,
    "permissiondenied": 403,
    "notfound": 404,
    "notfounderror": 404,
    "modelnotfound": 404,
    "timeouterror": 408,
    "ratelimiterror": 429,
    "ratelimitexceeded": 429,
    "resourceexhausted": 429,
    "throttlingexception": 429,
    "servererror": 500,
    "apierror": 500,
    "internal": 500,
    "internalerror": 500,
    "internalservererror": 500,
    "unavailable": 503,
    "serviceunavailable": 503,
    "deadlineexceeded": 504,
    "overloaded": 529,
    "overloadederror": 529,
}
"""The HTTP status of error codes and types, which are in lower case without separators."""

LOCATION = r"""unsupported_country|unsupported\ (countr|region|territor|location)
    |\b(countr(y|ies)|regions?|territor(y|ies)|locations?)\b.{0,40}\b(not|n't|isn't)\ (yet\ )?(supported|available)
    |not\ (supported|available)\ in\ your\ (country|region|territory|location)"""
QUOTA = r"""insufficient.?(quota|balance|credit|funds)|exceeded\ your\ current\ quota|billing|credit\ balance
    |(out\ of|not\ enough|no\ remaining|run\ out\ of)\ (credit|fund|balance)|payment.required|account\ is\ in\ arrears
    |budget\ has\ been\ exceeded|budget_exceeded|(spend|spending|usage|monthly|hard)\ (usage\ )?limits?\b"""
TOO_LONG = r"""context.{0,2}(length|window|size|limit|overflow)|exceed_context|context\ the\ overflows
    |\b(prompt|inputs?|request|messages?|conversation|payload|entity)\b.{0,30}\btoo.(long|large)\b
    |too.many.(\w+.)?tokens|\btokens?\b.{0,60}\b(exceed|at\ most\b|must\ be\ <=|maximum\b|only\ supports)
    |exceed.{0,60}\btokens?\b|reduce\ the\ length|less\ than\ \d+\ tokens|range\ of\ input\ length
    |(longer\ than|exceed\w*|maximum)\b.{0,20}\b(model|prompt|input|max\w*)\ length|string_above_max_length"""
REQUEST_TOO_LARGE = r"request.too.large"
CONTENT = r"""content.?filter|responsibleaipolicy|content.management.policy|content.policy|data_inspection_failed
    |prohibited.content|moderation"""
RATE = r"rate.?limit|too.many.(\w+.)?requests|throttl|resource.?exhausted|(tokens|requests)\ per\ (min|sec|day)"
BUSY = r"""overload|\bbusy\b|(at|over|out\ of|no|insufficient).capacity|temporar(il)?y|service.?unavailable
    |try\ again\ later|bad.gateway|gateway.time-?out|internal.?(server.?)?error|(is|still|currently)\ loading
    |loading\ model|high\ (demand|load)"""
SYSTEM_ROLE = r"""developer\ instruction\ is\ not\ enabled|unsupported.{0,30}\bsystem\b
    |\bsystem['"`]?.(role|messages?|prompts?|instructions?)\b.{0,40}\b(not|n't|unsupported|cannot)
    |\b(not|doesn't|don't)\ (support|accept|allow|enable)\w*.{0,30}\bsystem\b
    |only\ user.{1,20}(assistant|model)|roles?\ must\ alternate|(unexpected|invalid|unknown)\ role.{0,10}\bsystem"""


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE | re.VERBOSE | re.DOTALL)


MEANINGS: dict[ErrorCode, re.Pattern[str]] = {
    "unsupported_location": _pattern(LOCATION),
    "quota_exhausted": _pattern(QUOTA),
    "context_too_long": _pattern(TOO_LONG),
    "blocked": _pattern(CONTENT),
    "rate_limited": _pattern(RATE),
    "unavailable": _pattern(BUSY),
}
PASSES: set[ErrorCode] = {"rate_limited", "unavailable"}
_TOO_LARGE, _SYSTEM_ROLE, _A_DAY = _pattern(REQUEST_TOO_LARGE), _pattern(SYSTEM_ROLE), _pattern(r"per\ ?day")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of a provider.

    `words` is what it wrote, `names` its codes and types, `status` the HTTP status, or the one that its code stands
    for; None if neither is known. `retry_after` is in seconds.
    """

    words: str
    names: str = ""
    status: int | None = None
    retry_after: float | None = None

    @property
    def code(self) -> ErrorCode | None:
        """The code for the message and the status; None if unknown."""
        if self.status in (401, 404):
            return None
        code = self._by_words()
        if code == "quota_exhausted" and self._ends_soon():
            return "rate_limited"
        if code and not (code in PASSES and (self.status or 0) >= 500):
            return code
        return self._by_status()

    @property
    def is_of_system_role(self) -> bool:
        """Whether the model refuses the system message."""
        return self.status not in (401, 403, 404, 429) and bool(_SYSTEM_ROLE.search(self._searched))

    @property
    def _searched(self) -> str:
        return f"{self.names} {self.words[:LONGEST_READ]}"

    def _by_words(self) -> ErrorCode | None:
        text = self._searched
        if self.status == 429 or MEANINGS["rate_limited"].search(text):
            if _TOO_LARGE.search(text):
                return "context_too_long"
            return "quota_exhausted" if MEANINGS["quota_exhausted"].search(text) else "rate_limited"
        return next((code for code, pattern in MEANINGS.items() if pattern.search(text)), None)

    def _by_status(self) -> ErrorCode | None:
        known: dict[int | None, ErrorCode] = {402: "quota_exhausted", 413: "context_too_long", 408: "unavailable"}
        return "unavailable" if (self.status or 0) >= 500 else known.get(self.status)

    def _ends_soon(self) -> bool:
        """Whether it is a limit of a minute: the Gemini API describes those with the words of an exhausted quota."""
        return self.retry_after is not None and "insufficient_quota" not in self.names and not _A_DAY.search(self.words)


def of_response(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """The refusal in a response with an HTTP status other than 200; names of headers are case-insensitive."""
    text = body.decode("utf-8-sig", errors="replace")
    try:
        found = told(json.loads(text))
    except (ValueError, RecursionError):
        found = None
    found = found or Refusal(text)
    after = seconds_in_headers(headers)
    return Refusal(found.words, found.names, status, found.retry_after if after is None else after)


def told(value: Any) -> Refusal | None:
    """The error in a decoded body or event; None if it is not an error."""
    for each in value[:1] if isinstance(value, list) else [value]:
        if isinstance(each, dict) and (error := _error_in(each)):
            return _read(error, each)
    return None


def _error_in(value: dict[str, Any]) -> Any:
    """The part that describes the error, or something false."""
    is_answer = not ANSWER_FIELDS.isdisjoint(value)
    for name in ERROR_FIELDS[: 1 if is_answer else None]:
        if _is_told(value.get(name)):
            return value if value[name] is True else value[name]
    if is_answer:
        choices = value.get("choices")
        first = choices[0] if choices and isinstance(choices, list) else None
        return _error_in(first) if isinstance(first, dict) and _is_told(first.get("error")) else None
    has_message = any(value.get(name) for name in MESSAGE_FIELDS)
    is_error = "error" in (value.get("type"), value.get("object")) or value.get("success") is False
    return value if is_error or (has_message and (len(value) == 1 or any(map(value.get, NAME_FIELDS)))) else None


def _is_told(error: Any) -> bool:
    """Whether there is an error: some gateways write an object in which every field is empty where there is none."""
    return any(error.values()) if isinstance(error, dict) else bool(error)


def _read(error: Any, around: dict[str, Any]) -> Refusal:
    described = next((each for each in error if each), error) if isinstance(error, list) else error
    objects = [each for each in (described, around) if isinstance(each, dict)]
    names = " ".join(str(each[name]) for each in objects for name in NAME_FIELDS if _is_name(each.get(name)))
    return Refusal(_words(described), names, _status(objects), seconds_in_body(objects))


def _words(error: Any) -> str:
    """The human-readable message, or the whole error if it cannot be identified."""
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        message = next((error[name] for name in MESSAGE_FIELDS if isinstance(error.get(name), str) and error[name]), "")
        metadata, details = error.get("metadata"), error.get("details")
        raw = metadata.get("raw") if isinstance(metadata, dict) else None  # what OpenRouter was told by the provider
        more = [str(raw)] if raw else []
        if "PerDay" in str(details):  # the Gemini API's name of a daily quota
            more.append("a quota per day")
        if message:
            return " ".join([message, *more])
    return json.dumps(error, ensure_ascii=False)


def _status(objects: list[dict[str, Any]]) -> int | None:
    """The HTTP status: a number, or the status of a code or type."""
    numbers = (each.get(name) for each in objects for name in STATUS_FIELDS)
    named = (STATUS_OF_NAME.get(name) for each in objects for name in _plain_names(each))
    return next((status for value in [*numbers, *named] if (status := _http_status(value))), None)


def _http_status(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) == 3 and text >= "400" else None


def _is_name(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _plain_names(fields: dict[str, Any]) -> Iterator[str]:
    for name in NAME_FIELDS:
        yield re.sub(r"[\W_]", "", str(fields.get(name))).lower()
