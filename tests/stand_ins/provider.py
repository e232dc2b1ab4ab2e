"""What every stand-in does: takes requests on loopback, answers each by its script, and remembers how each went.

    async with GeminiStandIn() as gemini:         # in the running event loop, on a free port
        … GEMINI_BASE_URL = gemini.url …

    python -m tests.stand_ins.gemini --port 0     # as a process of its own; prints its address when it is ready

How it answers is a `Script`. A marker in the last user text, such as `[[pieces=20 pace=0.05]]` or
`[[status=429 times=2]]`, chooses the one for that request; `POST /script` with a JSON object sets the one for requests
without a marker. `GET /requests` tells what was asked and how each request ended, `GET /connections` how many
connections are open; `DELETE /requests` forgets the requests.
A key that begins with `wrong-key`, and `forbidden-key`, are refused as the API refuses them.
"""

import argparse
import asyncio
import json
import time
from abc import abstractmethod
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import urlsplit

import uvloop

from tests.stand_ins.call import Call
from tests.stand_ins.script import STAMP, Script, script_in
from tests.stand_ins.wire import Request, Response, Server

Refusal = tuple[int, dict[str, Any]]

BEFORE_EVENTS = "\ufeff"
BEFORE_AN_EVENT = ": ping\n\nretry: 3000\n\nevent: keepalive\nid: 7\n\nevent: message\n"
AFTER_EVENTS = ": bye\n\ndata: [DONE]\n\n"


class ProviderStandIn(Server):
    """The server. `url` is what a client is given, `calls` what it was asked, `arrivals` the same as a queue."""

    name: ClassVar[str]
    base_path: ClassVar[str] = ""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.script = Script()
        self.calls: list[Call] = []
        self.arrivals: asyncio.Queue[Call] = asyncio.Queue()
        self._failures: dict[str, int] = {}

    @property
    def url(self) -> str:
        """The address that a client takes as its base."""
        return self.origin + self.base_path

    @abstractmethod
    def call(self, request: Request) -> Call | None:
        """The request as a call of the API; None when it is not one."""

    @abstractmethod
    def refusal(self, status: int, message: str) -> dict[str, Any]:
        """An error as the API writes it."""

    @abstractmethod
    def refused(self, call: Call, script: Script) -> Refusal | None:
        """The status and error for a call that the API itself would not take."""

    @abstractmethod
    def whole(self, call: Call, script: Script) -> dict[str, Any]:
        """The answer in one object."""

    @abstractmethod
    def chunks(self, call: Call, script: Script) -> list[list[dict[str, Any]]]:
        """The answer in objects as it is streamed, those that come at the same time together."""

    @abstractmethod
    def thought(self) -> dict[str, Any]:
        """A chunk in which the model reasons."""

    def error_body(self, call: Call, body: Any) -> Any:
        """What a refused call gets."""
        return body

    def stream_type(self, call: Call) -> str:
        """The content type of a stream."""
        return "text/event-stream"

    def frame(self, call: Call, data: str) -> str:
        """One of them on its way."""
        return f"data: {data}\n\n"

    def error_frame(self, call: Call, error: dict[str, Any]) -> str:
        """An error in mid-answer on its way."""
        return self.frame(call, json.dumps(error))

    def last_frame(self, call: Call) -> str:
        """What ends a stream."""
        return ""

    async def answer(self, request: Request, response: Response, reader: asyncio.StreamReader) -> None:
        """Answers, and notices when the client goes away meanwhile."""
        call = self.call(request)
        if call is None:
            await self._control(request, urlsplit(request.target).path, response)
            return
        self.calls.append(call)
        self.arrivals.put_nowait(call)
        answering = asyncio.create_task(self._follow(call, response))
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
                await response.json(404, self.refusal(404, f"There is no {path}."))

    async def _follow(self, call: Call, response: Response) -> None:
        """Answers the call as its script says."""
        script = script_in(call.last_text) or self.script
        if script.silent:
            await asyncio.Event().wait()
        if script.drop and self._fails_again(call, script.drop):
            call.end("broken")
            response.abort()
        refused = self.refused(call, script) or self._misfit(script, call) or self._failure(script, call)
        if refused or script.html:
            call.end("refused")
            status, body = refused or (200, {})
            if script.html:
                await response.html(status, "<!DOCTYPE html>\n<html><body><h1>Sign in</h1></body></html>")
            else:
                await response.json(status, self.error_body(call, body))
        elif call.is_streamed:
            await self._stream(script, call, response)
            call.end("answered")
        else:
            await response.json(200, self.whole(call, script))
            call.end("answered")

    async def _stream(self, script: Script, call: Call, response: Response) -> None:
        await response.start(self.stream_type(call))
        await response.part(BEFORE_EVENTS if script.noise else "")
        for _ in range(script.thoughts):
            await asyncio.sleep(script.pace)
            await response.part(self.frame(call, json.dumps(self.thought())))
        clock = asyncio.get_running_loop().time
        due = clock()
        for number, together in enumerate(self.chunks(call, script)):
            if number == script.hang:
                await asyncio.Event().wait()
            if number == script.cut:
                call.end("broken")
                response.abort()
            due += script.pace
            await asyncio.sleep(max(0.0, due - clock()))
            if number == script.error:
                await response.part(self.error_frame(call, self.refusal(503, "The model is overloaded.")))
                break
            texts = [json.dumps(chunk, ensure_ascii=False) for chunk in together]
            if number == script.malformed:
                texts = [f'{{"choices": oops, asked with {call.key}}}']
            noise = BEFORE_AN_EVENT if script.noise else ""
            part = "".join(noise + self.frame(call, text) for text in texts)
            await response.part(part.replace(STAMP, f"@{time.monotonic():.4f}") if script.stamped else part)
            call.pieces += 1
        if script.linger:
            await asyncio.Event().wait()
        if script.endless:
            call.end("broken")
            response.leave_off()
        await response.end(AFTER_EVENTS if script.noise else self.last_frame(call))

    def _misfit(self, script: Script, call: Call) -> Refusal | None:
        """The refusal of a conversation that the model cannot take."""
        if script.no_system and call.system:
            return 400, self.refusal(400, f"Developer instruction is not enabled for models/{call.model}")
        length = sum(len(text) for _role, text in call.turns)
        if script.window and length > script.window:
            told = f"The input token count ({length}) exceeds the maximum number of tokens allowed ({script.window})."
            return 400, self.refusal(400, told)
        return None

    def _failure(self, script: Script, call: Call) -> Refusal | None:
        if script.status == 200 or (script.times and not self._fails_again(call, script.times)):
            return None
        return script.status, self.refusal(script.status, f"The stand-in was told to answer {script.status}.")

    def _fails_again(self, call: Call, times: int) -> bool:
        """Whether the failure scripted for this text is still due; counts it."""
        self._failures[call.last_text] = failed = self._failures.get(call.last_text, 0) + 1
        return failed <= times


def run(stand_in: type[ProviderStandIn]) -> None:
    """Serves as a process of its own until it is told to end."""
    parser = argparse.ArgumentParser(description=f"A stand-in for the {stand_in.name} API on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    with suppress(KeyboardInterrupt):
        uvloop.run(_run(stand_in(parser.parse_args().port)))


async def _run(server: ProviderStandIn) -> None:
    async with server:
        print(f"The {server.name} stand-in listens on {server.url}", flush=True)  # noqa: T201  who starts it waits for it
        await asyncio.Event().wait()
