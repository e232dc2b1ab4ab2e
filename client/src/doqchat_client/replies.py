"""The model's replies that are under way."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from doqchat_client.events import Event
from doqchat_client.reply import Reply

_REMEMBERED = 64
"""How many ended replies are remembered, so that what comes late does not bring one back."""


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
        """Note what an event says of a reply; that reply, which may have ended with it, or None."""
        if event.event == "session.welcome":
            self._catch_up(event.bd)
        elif event.event == "llm.streaming":
            return self._add(event.bd)
        elif event.event in ("llm.response", "llm.error"):
            return self._end(event.bd)
        return None

    def _catch_up(self, welcome: Mapping[str, Any]) -> None:
        named = {said["reply_id"]: said for said in welcome["replies"]}
        if welcome["gap"] is not None:
            # The ends of the others may be among what is no longer kept. Otherwise they follow.
            self._replies = {name: reply for name, reply in self._replies.items() if name in named}
        for said in named.values():
            reply = self._under_way(said)
            if reply is not None:
                reply.catch_up(said["attempt"], said["state"], said["text"])

    def _add(self, piece: Mapping[str, Any]) -> Reply | None:
        reply = self._under_way(piece)
        if reply is not None:
            reply.add(piece["attempt"], piece["offset"], piece["text"])
        return reply

    def _end(self, end: Mapping[str, Any]) -> Reply:
        reply = self._replies.pop(end["reply_id"], None) or Reply(end["reply_id"], end["request_id"])
        self._ended.append(reply.reply_id)
        reply.end(end.get("finish_reason", "failed"), end["text"])
        return reply

    def _under_way(self, said: Mapping[str, Any]) -> Reply | None:
        """The reply that this is about; None when it has ended."""
        reply = self._replies.get(said["reply_id"])
        if reply is None and said["reply_id"] not in self._ended:
            reply = self._replies[said["reply_id"]] = Reply(said["reply_id"], said["request_id"])
        return reply
