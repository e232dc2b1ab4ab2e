"""The testing guide's examples: sent to a real server, and compared with what comes back."""

import json
import re
import shlex
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.client import Client, Frame
from tests.conftest import Connect
from tests.docs.masks import ANYTHING, SESSION, masked
from tests.docs.pages import ROOT, Block, blocks
from tests.processes import Process, Web

GUIDES = {language: ROOT / "docs" / language / "testing.md" for language in ("en", "ko")}
LEFT_OUT = "presence"


def examples(language: str) -> list[Block]:
    """The guide's blocks that say what is sent and what comes back."""
    return [block for block in blocks(GUIDES[language]) if block.tags]


def test_both_languages_show_the_same_examples() -> None:
    assert examples("en") == examples("ko")


async def test_every_example_gets_the_answer_that_the_guide_shows(
    server: Web, worker: Process, sid: str, connect: Connect
) -> None:
    clients: dict[str, Client] = {}
    for block in examples("en"):
        what, *names = block.tags
        text = block.text.replace(SESSION, sid)
        if what == "connect":
            clients |= {name: await connect(server, **handshake(text)) for name in names}
        elif what == "send":
            (name,) = names
            await send(clients[name], text)
        elif what == "receive":
            for name in names:
                await receive(clients[name], text)
        else:
            raise AssertionError(f"An example is tagged {what!r}.")
    assert set(clients) == {"A", "B", "C"}
    for client in clients.values():
        await client.send("ping")
        assert (await next_frame(client, LEFT_OUT))["hd"]["event"] == "pong", "More came than the guide shows."


def handshake(command: str) -> dict[str, Any]:
    """What a command line of websocat asks for, as the fixture `connect` takes it."""
    program, *options, url = shlex.split(command)
    assert program == "websocat"
    assert options in ([], ["--protocol", "doqchat.v1"])
    return {"v1": bool(options), **dict(parse_qsl(urlsplit(url).query))}


async def send(client: Client, text: str) -> None:
    """Send each line as it stands; `<8001 × 가>` is that letter so many times."""
    for line in text.splitlines():
        await client.send_raw(re.sub(r"<(\d+) × (.)>", lambda match: match[2] * int(match[1]), line))


async def receive(client: Client, text: str) -> None:
    """Compare each line with the next frame; a line of `…` alone is more frames of the event above it."""
    event = passed_over = LEFT_OUT
    for line in text.splitlines():
        if line == ANYTHING:
            passed_over = event
            continue
        shown = json.loads(line)
        assert masked(await next_frame(client, LEFT_OUT, passed_over), shown) == shown
        event, passed_over = shown["hd"]["event"], LEFT_OUT


async def next_frame(client: Client, *passed_over: str) -> Frame:
    """The next frame that is not of one of these events."""
    while (frame := await client.recv())["hd"]["event"] in passed_over:
        pass
    return frame
