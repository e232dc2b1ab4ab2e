"""Server-sent events, the form in which providers stream an answer.

They are read here and not by the SDKs: openai's takes an event without data, which the specification ignores, for a
broken answer, and misses the first one behind a byte order mark; google-genai's costs as much as `google_genai` says.
httpx-sse has no limit for an endless line, drops the text between events, and refuses other content types.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from io import IncrementalNewlineDecoder
from typing import TYPE_CHECKING, NamedTuple

from doqchat.llm.answers import LLMError

if TYPE_CHECKING:
    from httpx2 import Response

END = "[DONE]"
END_SECONDS = 0.1
LONGEST_EVENT = 1024 * 1024
"""Characters of one event, or of one line, that are kept while it arrives."""

BYTE_ORDER_MARK = "\ufeff"
IGNORED_FIELDS = ("", "id", "retry")  # the empty name is that of a comment


class ServerSentEvent(NamedTuple):
    """An event's data, and its name if it has one."""

    data: str
    name: str = ""


async def read(response: "Response") -> AsyncGenerator[ServerSentEvent, None]:
    """Each event with data as it arrives; then the text between the events: JSON, or a sentence.

    The Gemini API reports errors in mid-stream like that, over several lines, and a server that does not stream sends
    its whole answer like that. `[DONE]`, with which OpenAI's streams end, is the end.

    Raises LLMError `invalid_response` for a web page, whatever it is called, and for an event of more than
    LONGEST_EVENT characters; and httpx2's errors.
    """
    data: list[str] = []
    between = kind = ""
    length = 0
    lines = _lines(response)
    async for line in lines:
        name, _, value = line.partition(":")
        if name == "data":
            length += len(value)
            check_length(length)
            data.append(value.removeprefix(" "))
        elif not line:
            event, data, length = ServerSentEvent("\n".join(data), kind), [], 0
            kind = ""
            if event.data.strip() == END:
                await _let_end(lines)
                break
            if event.data:
                yield event
        elif line.lstrip().startswith("<"):
            of_type = response.headers.get("content-type")
            raise LLMError("invalid_response", detail=f"a page instead of a stream, of type {of_type}: {line}")
        elif name == "event":
            kind = value.strip()
        elif name not in IGNORED_FIELDS and (between or _is_no_field(line)):
            between += line
            check_length(len(between))
    for rest in (ServerSentEvent("\n".join(data), kind), ServerSentEvent(between)):
        if rest.data and rest.data.strip() != END:
            yield rest


def _is_no_field(line: str) -> bool:
    """Whether a line is none of an event, but JSON or a sentence: names of fields have no spaces."""
    name, colon, _value = line.partition(":")
    return line.startswith(("{", "[")) or not colon or " " in name


async def _lines(response: "Response") -> AsyncGenerator[str, None]:
    """The lines of a response, without byte order marks: gateways write them into the middle of what they join."""
    response.encoding = "utf-8"  # as all events are, though a server may claim another for all that it sends
    newlines = IncrementalNewlineDecoder(None, translate=True)
    parts: list[str] = []
    length = 0
    async for text in response.aiter_text():
        for number, part in enumerate(newlines.decode(text).split("\n")):
            if number:
                yield "".join(parts).removeprefix(BYTE_ORDER_MARK)
                parts, length = [], 0
            parts.append(part)
            length += len(part)
            check_length(length)
    yield "".join(parts).removeprefix(BYTE_ORDER_MARK)


def check_length(length: int) -> None:
    """Raises LLMError for more than LONGEST_EVENT characters: a provider that never ends an event fills no memory."""
    if length > LONGEST_EVENT:
        raise LLMError("invalid_response", detail=f"an event of more than {LONGEST_EVENT:,} characters")


async def _let_end(lines: AsyncGenerator[str, None]) -> None:
    """Waits a moment for the end of the response itself, without which its connection cannot be used again."""
    from httpx2 import TransportError

    with suppress(TimeoutError, TransportError):
        async with asyncio.timeout(END_SECONDS):
            async for _line in lines:
                pass
