"""Debian's Firefox, driven over WebDriver BiDi, which it speaks itself: https://w3c.github.io/webdriver-bidi/

Playwright drives only a Firefox of its own.
"""

import asyncio
import json
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

PROGRAMS = ("firefox-esr", "firefox")
LISTENING = b"WebDriver BiDi listening on "
WITHIN = 60.0  # seconds; its first start takes long on a busy machine
QUIET = (
    "app.normandy.enabled",
    "app.update.enabled",
    "browser.region.update.enabled",
    "browser.shell.checkDefaultBrowser",
    "datareporting.policy.dataSubmissionEnabled",
    "extensions.getAddons.cache.enabled",
    "extensions.systemAddon.update.enabled",
    "network.captive-portal-service.enabled",
    "network.connectivity-service.enabled",
)
"""Preferences that are set to false, so that nothing but the page is loaded."""

SHIFT, ENTER = "\ue008", "\ue007"  # https://www.w3.org/TR/webdriver2/#keyboard-actions
LINE_BREAK = "\n"
"""What `type` presses Shift and Enter for."""


def find_firefox() -> str | None:
    """The program, if it is installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Firefox:
    """One window."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = count()
        self._context = ""
        self.complaints: list[str] = []

    async def open(self, url: str) -> None:
        """Load a page in the window."""
        if not self._context:
            await self._call("session.new", capabilities={})
            await self._call("session.subscribe", events=["log.entryAdded"])
            tree = await self._call("browsingContext.getTree")
            self._context = tree["contexts"][0]["context"]
        await self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def reload(self) -> None:
        """Load the page again."""
        await self._call("browsingContext.reload", context=self._context, wait="complete")

    async def until(self, condition: str) -> Any:
        """Wait until a JavaScript expression is truthy; its value."""
        wait = f"""new Promise((resolve) => {{
            const look = () => {{
                const found = {condition}
                if (found) resolve(found)
                else requestAnimationFrame(look)
            }}
            look()
        }})"""
        return await self.evaluate(wait)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, a string, number or boolean."""
        target = {"context": self._context}
        answer = await self._call("script.evaluate", expression=expression, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    async def type(self, text: str) -> None:
        """Press and release the key of each character, in what has the focus."""
        strokes = [stroke for sign in text for stroke in _strokes(sign)]
        keyboard = {"type": "key", "id": "keyboard", "actions": strokes}
        await self._call("input.performActions", context=self._context, actions=[keyboard])

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        async with asyncio.timeout(WITHIN):
            while (message := json.loads(await self._socket.recv())).get("id") != number:
                self._note(message)
        assert message["type"] == "success", message
        result: dict[str, Any] = message["result"]
        return result

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "log.entryAdded" and event["params"]["level"] in ("warn", "error"):
            self.complaints.append(event["params"]["text"])


def _strokes(sign: str) -> list[dict[str, str]]:
    keys = [SHIFT, ENTER] if sign == LINE_BREAK else [sign]
    down = [{"type": "keyDown", "value": key} for key in keys]
    return down + [{"type": "keyUp", "value": key} for key in reversed(keys)]


@asynccontextmanager
async def firefox(profile: Path) -> AsyncIterator[Firefox]:
    """A new Firefox without a screen, until the block ends.

    Args:
        profile: an empty folder for its files.
    """
    program = find_firefox()
    assert program
    (profile / "user.js").write_text("".join(f'user_pref("{name}", false);\n' for name in QUIET))
    options = ["--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    process = await asyncio.create_subprocess_exec(program, *options, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
    assert process.stderr
    try:
        async with asyncio.timeout(WITHIN):
            address = await _address(process.stderr)
        draining = asyncio.create_task(process.stderr.read())  # a full pipe would block it
        async with connect(f"{address}/session", max_size=None) as socket:
            yield Firefox(socket)
    finally:
        process.kill()
        await process.wait()
    await draining


async def _address(output: asyncio.StreamReader) -> str:
    async for line in output:
        if LISTENING in line:
            return line.split(LISTENING)[1].decode().strip()
    raise RuntimeError("Firefox has ended.")
