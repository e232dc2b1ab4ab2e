"""A model's replies while they grow."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from doqchat_client.events import Event

_REMEMBERED = 64
"""How many ended replies are remembered, so that a piece that comes late does not bring one back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply and what it has said so far.

    Attributes:
        reply_id, request_id: its name, and the request it answers.
        attempt: which attempt of the workers this text is from, from 1.
        state: `waiting`, `streaming`, or how it ended: a `finish_reason`, or `failed`.
        text: from the beginning up to here, without a hole.
    """

    reply_id: str
    request_id: str
    attempt: int
    state: str
    text: str


class Replies(Mapping[str, Reply]):
    """The replies under way by their ids, put together from the events of a session.

    Give `take` every event in order. `Client.replies` is fed with each event that the client's iterator yields.
    """

    def __init__(self) -> None:
        self._replies: dict[str, Reply] = {}
        self._ended: deque[str] = deque(maxlen=_REMEMBERED)

    def __getitem__(self, reply_id: str) -> Reply:
        return self._replies[reply_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._replies)

    def __len__(self) -> int:
        return len(self._replies)

    def take(self, event: Event) -> Reply | None:
        """Note what an event says of a reply; the reply as it is now, or as it ended, or None."""
        if event.event == "session.welcome":
            self._replies = {
                said["reply_id"]: Reply(**{name: said[name] for name in Reply.__slots__})
                for said in event.bd["replies"]
            }
        elif event.event == "llm.streaming":
            return self._add(event)
        elif event.event in ("llm.response", "llm.error"):
            return self._end(event)
        return None

    def _add(self, event: Event) -> Reply | None:
        bd = event.bd
        reply = self._replies.get(bd["reply_id"])
        if reply is None and bd["offset"] == 0 and bd["reply_id"] not in self._ended:
            reply = Reply(bd["reply_id"], bd["request_id"], bd["attempt"], "waiting", "")
        if reply is None or bd["attempt"] < reply.attempt:
            return reply
        text = reply.text if bd["attempt"] == reply.attempt else ""
        # Offsets count code points, as Python's strings do. A piece may repeat what the welcome had, and where one
        # is missing the rest has to wait for the next welcome or the whole response.
        if bd["offset"] <= len(text) < bd["offset"] + len(bd["text"]):
            text = text[: bd["offset"]] + bd["text"]
        reply = replace(reply, attempt=bd["attempt"], state="streaming", text=text)
        self._replies[reply.reply_id] = reply
        return reply

    def _end(self, event: Event) -> Reply:
        bd = event.bd
        known = self._replies.pop(bd["reply_id"], None)
        self._ended.append(bd["reply_id"])
        return Reply(
            bd["reply_id"],
            bd["request_id"],
            known.attempt if known else 1,
            bd.get("finish_reason", "failed"),
            bd["text"],
        )
