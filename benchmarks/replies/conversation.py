"""One client in a separate session: asks the model, and records when each event arrives."""

import asyncio
import json
import re
import time
from array import array

from benchmarks.clients import Client

STAMP = re.compile(r"@([\d.]+)")


class Conversation:
    """Times are those of time.monotonic(), which the machine's processes share.

    Attributes:
        client: its socket.
        first: when the first piece came; `reply_id` and `lags` come with pieces too.
        lags: seconds from when the provider sent a piece to when it came here, for pieces that say when that was.
        due: seconds by which the provider itself was behind its pace, at each of those pieces.
        ended: the terminal event.
        ends: how many of them came.
    """

    def __init__(self, session: int, pace: float = 0.0) -> None:
        self.client = Client(session, self._on_text)
        self.first = 0.0
        self.reply_id = ""
        self.lags = array("d")
        self.due = array("d")
        self.ends = 0
        loop = asyncio.get_running_loop()
        self.requested: asyncio.Future[None] = loop.create_future()
        self.begun: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[dict[str, str]] = loop.create_future()
        self._pace = pace
        self._first_stamp = 0.0

    def ask(self, prompt: str, llm: str) -> float:
        """Send a request; when that was."""
        return self._send("llm.request", {"prompt": prompt, "llm": llm})

    def cancel(self) -> float:
        """Send a cancel of the reply; when that was."""
        return self._send("llm.cancel", {"reply_id": self.reply_id})

    def _send(self, event: str, bd: dict[str, str]) -> float:
        text = json.dumps({"hd": {"event": event, "role": "A"}, "bd": bd}, ensure_ascii=False).encode()
        now = time.monotonic()
        self.client.send(text)
        return now

    def _on_text(self, client: Client, text: bytes) -> None:
        now = time.monotonic()
        envelope = json.loads(text)
        event, bd = envelope["hd"]["event"], envelope.get("bd")
        if event == "llm.request":
            self.reply_id = f"r{envelope['hd']['id']}"
            self.requested.set_result(None)
        elif event == "llm.streaming":
            self._on_piece(now, bd["text"])
        elif event in ("llm.response", "llm.error", "error"):
            self.ends += 1
            if self.ends == 1:
                self.ended.set_result({"event": event, **bd})

    def _on_piece(self, now: float, text: str) -> None:
        if not self.begun.done():
            self.first = now
            self.begun.set_result(None)
        for found in STAMP.finditer(text):
            stamp = float(found[1])
            self._first_stamp = self._first_stamp or stamp
            self.due.append(stamp - self._first_stamp - len(self.due) * self._pace)
            self.lags.append(now - stamp)
