"""Server-sent events, the form in which providers stream an answer.

They are read here and not by the SDKs: openai's takes an event without data, which the specification ignores, for a
broken answer, and misses the first one behind a byte order mark; google-genai's costs as much as `google_genai` says.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING

from doqchat.llm.answers import LLMError

if TYPE_CHECKING:
    from httpx2 import Response

END = "[DONE]"
END_SECONDS = 0.1
LONGEST_EVENT = 1024 * 1024
"""Characters of one event, or of one line, that are kept while it arrives."""

IGNORED_FIELDS = ("", "event", "id", "retry")  # the empty name is that of a comment


async def read(response: "Response") -> AsyncGenerator[str, None]:
    """The data of each event as it arrives; then the JSON object that stands between the events, if one does.

    The API of Gemini tells of an error in mid-stream like that, over several lines. `[DONE]`, with which OpenAI's ends,
    is the end. Raises LLMError `invalid_response` for a web page, whatever it is called, and for an event of more than
    LONGEST_EVENT characters; and httpx2's errors.
    """
    data: list[str] = []
    between = ""
    length = 0
    lines = _lines(response)
    async for line in lines:
        name, _, value = line.partition(":")
        if name == "data":
            length += len(value)
            _check_length(length)
            data.append(value.removeprefix(" "))
        elif not line:
            event, data, length = "\n".join(data), [], 0
            if event == END:
                await _let_end(lines)
                break
            if event:
                yield event
        elif line.lstrip().startswith("<"):
            kind = response.headers.get("content-type")
            raise LLMError("invalid_response", detail=f"a page instead of a stream, of type {kind}: {line}")
        elif name not in IGNORED_FIELDS and (between or line.startswith("{")):
            between += line
            _check_length(len(between))
    for rest in ("\n".join(data), between):
        if rest.startswith("{"):
            yield rest


async def _lines(response: "Response") -> AsyncGenerator[str, None]:
    """The lines of a response, without the byte order mark that may stand before the first."""
    response.encoding = "utf-8"  # as all events are, though a server may claim another for all that it sends
    mark = "\ufeff"
    parts: list[str] = []
    length = 0
    async for text in response.aiter_text():
        for number, part in enumerate(text.removeprefix(mark).split("\n")):
            if number:
                yield "".join(parts).removesuffix("\r")
                parts, length = [], 0
            parts.append(part)
            length += len(part)
            _check_length(length)
        mark = ""
    yield "".join(parts)


def _check_length(length: int) -> None:
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
