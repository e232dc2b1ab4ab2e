"""Fills a session with messages."""

import json
from urllib.parse import urlencode

from websockets.asyncio.client import connect

AT_ONCE = 200
"""Messages between two waits for their deliveries."""

TEXTS = (
    "안녕하세요! 오늘 회의는 오후 세 시에 시작할까요?",
    "Shall we meet at three? I will send the papers before.",
    "Some **bold** words, a `name`, and https://example.org/a/path for later.",
    "1. first\n2. second\n3. third",
)


async def fill(ws: str, sid: str, messages: int) -> None:
    """Store a number of messages, by turns of A and B, and wait until they have been delivered."""
    async with connect(f"{ws}?{urlencode({'sid': sid})}", max_queue=None) as socket:
        for start in range(0, messages, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, messages))
            for number in numbers:
                head = {"event": "chat.message", "role": "AB"[number // 3 % 2]}
                text = f"{number}: {TEXTS[number % len(TEXTS)]}"
                await socket.send(json.dumps({"hd": head, "bd": {"text": text}}))
            for _ in numbers:
                await socket.recv()
