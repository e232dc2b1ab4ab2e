"""A stand-in for the Gemini REST API, spoken over real HTTP on loopback.

    async with GeminiStandIn() as gemini:         # in the running event loop, on a free port
        … GEMINI_BASE_URL = gemini.url …

    python -m tests.stand_ins.gemini --port 0     # as a process of its own; prints its address when it is ready

How it answers is a `Script`. A marker in the last user text, such as `[[pieces=20 pace=0.05]]` or
`[[status=429 times=2]]`, chooses the one for that request; `POST /script` with a JSON object sets the one for requests
without a marker. `GET /requests` tells what was asked and how each request ended, `GET /connections` how many
connections are open; `DELETE /requests` forgets the requests.
The keys `wrong-key` and `forbidden-key` are refused as Google refuses them, with 400 and 403.
"""

import argparse
import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.stand_ins.gemini_script import Script, chunks, refusal, whole
from tests.stand_ins.wire import BrokenConnectionError, Request, Response, read_request

# The label under which doqchat shows a message may stand before the marker.
MARKER = re.compile(r"\[\[([^\]]*)\]\]")
METHOD = re.compile(r"^/(?:v1beta|v1)/models/([^:/]+):(generateContent|streamGenerateContent)$")


@dataclass(eq=False)
class Call:
    """One request for an answer, as it came and as it went."""

    model: str
    method: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: dict[str, Any]
    pieces: int = 0
    outcome: str = "open"  # then answered, refused, broken by the script, or left when the client went away first
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, outcome: str) -> None:
        self.outcome = outcome
        self.ended.set()

    def as_json(self) -> dict[str, Any]:
        names = ("model", "method", "query", "headers", "body", "pieces", "outcome")
        return {name: getattr(self, name) for name in names}

    @property
    def is_sse(self) -> bool:
        return self.query.get("alt") == ["sse"]

    @property
    def last_text(self) -> str:
        """What the last user turn says."""
        turns = [turn for turn in self.body.get("contents", []) if turn.get("role", "user") == "user"]
        return "".join(part.get("text", "") for part in turns[-1]["parts"]) if turns else ""


class GeminiStandIn:
    """The server. `url` is its address, `calls` what it was asked, `arrivals` the same as a queue to wait on."""

    def __init__(self, port: int = 0) -> None:
        self.script = Script()
        self.calls: list[Call] = []
        self.arrivals: asyncio.Queue[Call] = asyncio.Queue()
        self.url = ""
        self._port = port
        self._failures: dict[str, int] = {}
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._serving)

    async def __aenter__(self) -> "GeminiStandIn":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._server.close()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        try:
            with suppress(BrokenConnectionError, ConnectionError, asyncio.CancelledError):
                while request := await read_request(reader):
                    await self._answer(request, Response(writer), reader)
        finally:
            self._serving.discard(task)
            writer.close()

    async def _answer(self, request: Request, response: Response, reader: asyncio.StreamReader) -> None:
        """Answers, and notices when the client goes away meanwhile."""
        url = urlsplit(request.target)
        method = METHOD.match(url.path)
        if request.method != "POST" or not method:
            await self._control(request, url.path, response)
            return
        call = Call(method[1], method[2], parse_qs(url.query), request.headers, json.loads(request.body))
        self.calls.append(call)
        self.arrivals.put_nowait(call)
        answering = asyncio.create_task(self._generate(call, response))
        gone = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise ConnectionResetError
            await answering
        except ConnectionError:
            call.end("left")
            raise
        finally:
            for task in (answering, gone):
                task.cancel()
            await asyncio.gather(answering, gone, return_exceptions=True)

    async def _control(self, request: Request, path: str, response: Response) -> None:
        match request.method, path:
            case "POST", "/script":
                self.script = Script().with_values(json.loads(request.body))
                await response.json(200, {})
            case "GET", "/requests":
                await response.json(200, [call.as_json() for call in self.calls])
            case "DELETE", "/requests":
                self.calls.clear()
                await response.json(200, {})
            case "GET", "/connections":
                await response.json(200, {"open": self.connections - 1})  # without the one that asks
            case _:
                await response.json(404, refusal(404, f"There is no {path}."))

    async def _generate(self, call: Call, response: Response) -> None:
        script = self._script_for(call)
        if script.silent:
            await asyncio.Event().wait()
        if script.drop and self._fails_again(call, script.drop):
            call.end("broken")
            response.abort()
        refused = _refused_key(call) or self._refused(script, call)
        if refused or script.html:
            call.end("refused")
            status, body = refused or (200, {})
            if script.html:
                await response.html(status, "<!DOCTYPE html>\n<html><body><h1>Sign in</h1></body></html>")
            else:
                # Without alt=sse the API answers a streamed call with a list, and puts errors into one too.
                in_list = call.method == "streamGenerateContent" and not call.is_sse
                await response.json(status, [body] if in_list else body)
        elif call.method == "generateContent":
            await response.json(200, whole(script))
            call.end("answered")
        else:
            await self._stream(script, call, response)
            call.end("answered")

    async def _stream(self, script: Script, call: Call, response: Response) -> None:
        await response.start("text/event-stream" if call.is_sse else "application/json; charset=UTF-8")
        for number, chunk in enumerate(chunks(script, as_numbers=not call.is_sse)):
            if number == script.hang:
                await asyncio.Event().wait()
            if number == script.cut:
                call.end("broken")
                response.abort()
            await asyncio.sleep(script.pace)
            data = '{"candidates": oops}' if number == script.malformed else json.dumps(chunk, ensure_ascii=False)
            before, after = ("data: ", "\r\n\r\n") if call.is_sse else (",\r\n" if number else "[", "")
            await response.part(before + data + after)
            call.pieces += 1
        await response.end("" if call.is_sse else "]")

    def _script_for(self, call: Call) -> Script:
        marker = MARKER.search(call.last_text)
        if not marker:
            return self.script
        return Script().with_values(dict(pair.split("=", 1) for pair in marker[1].split()))

    def _refused(self, script: Script, call: Call) -> tuple[int, dict[str, Any]] | None:
        if script.status == 200 or (script.times and not self._fails_again(call, script.times)):
            return None
        return script.status, refusal(script.status, f"The stand-in was told to answer {script.status}.")

    def _fails_again(self, call: Call, times: int) -> bool:
        """Whether the failure scripted for this text is still due; counts it."""
        self._failures[call.last_text] = failed = self._failures.get(call.last_text, 0) + 1
        return failed <= times


def _refused_key(call: Call) -> tuple[int, dict[str, Any]] | None:
    key = call.headers.get("x-goog-api-key", "")
    if key == "wrong-key":
        return 400, refusal(400, f"API key not valid: {key}. Please pass a valid API key.", "API_KEY_INVALID")
    if key in ("", "forbidden-key"):
        return 403, refusal(403, "The caller does not have permission.")
    return None


async def main(port: int) -> None:
    """Serves until the process is told to end."""
    async with GeminiStandIn(port) as server:
        print(f"The Gemini stand-in listens on {server.url}", flush=True)  # noqa: T201  whoever starts it waits for this
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A stand-in for the Gemini REST API on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    with suppress(KeyboardInterrupt):
        asyncio.run(main(parser.parse_args().port))
