"""The model's replies of a session, put together from its events."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from doqchat_client.cursor import order
from doqchat_client.events import Event, Gap, ReplyDone, ReplyError, ReplyPiece, Welcome
from doqchat_client.exceptions import ReplyFailed
from doqchat_client.reply import Cancel, Reply
from doqchat_client.waiting import Waiters

REMEMBERED = 64
"""How many ended replies are remembered, so that what comes late does not bring one back."""


class Replies:
    """The active replies by their ids, and those that the program has asked for.

    Args:
        waiters: counts who waits for a reply.
        cancel: ends a reply.
    """

    def __init__(self, waiters: Waiters, cancel: Cancel) -> None:
        self._active: dict[str, Reply] = {}
        self._ended: OrderedDict[str, Reply] = OrderedDict()
        self._asked: dict[str, Reply] = {}
        self._unknown: dict[str, Reply] = {}
        self._doubtful: list[Reply] = []
        self._doubtful_until = ""
        self._waiters = waiters
        self._cancel = cancel

    def __getitem__(self, reply_id: str) -> Reply:
        return self._active[reply_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._active)

    def __len__(self) -> int:
        return len(self._active)

    @property
    def earliest_unknown(self) -> str | None:
        """The id of the first request whose reply only a replay can bring."""
        return min(self._unknown, key=order, default=None)

    def to(self, request_id: str, *, in_the_past: bool) -> Reply:
        """The reply to a request that is stored.

        Args:
            request_id: its id.
            in_the_past: whether events after it may have been taken before anybody asked for the reply.
        """
        known = (*self._active.values(), *reversed(self._ended.values()), *self._asked.values())
        for reply in known:
            if reply.request_id == request_id:
                return reply
        reply = self._asked[request_id] = Reply(request_id, self._waiters, self._cancel)
        if in_the_past:
            self._unknown[request_id] = reply
        return reply

    def take(self, event: Event) -> bool:
        """Note what an event says of a reply; whether a piece of that is missing."""
        torn = False
        if isinstance(event, Welcome):
            self._catch_up(event)
        elif isinstance(event, ReplyPiece):
            event.reply = self._ended.get(event.reply_id) or self._named(event.reply_id, event.request_id)
            if not event.reply.done:
                event.reply.add(event.attempt, event.offset, event.text)
                torn = event.reply.torn
        elif isinstance(event, ReplyDone | ReplyError):
            event.reply = self._end(event)
        if event.id is not None and self._doubtful and order(event.id) >= order(self._doubtful_until):
            self._lose_the_doubtful()
        return torn

    def close(self, error: Exception) -> None:
        """No more events will come."""
        for reply in (*self._active.values(), *self._asked.values()):
            reply.fail(error)

    def _catch_up(self, welcome: Welcome) -> None:
        listed = welcome.bd.get("replies")
        replies = []
        for said in listed if isinstance(listed, list) else []:
            reply = self._said_in_welcome(said)
            if reply is not None:
                replies.append(reply)
        welcome.replies = tuple(replies)
        gap = Gap.of(welcome, None)
        if gap is not None:
            # The ends of the others may be among what is no longer kept. Otherwise they follow.
            others = (*self._active.values(), *self._asked.values())
            self._doubtful = [
                one for one in others if one not in replies and order(one.request_id) <= order(welcome.last_id)
            ]
            self._doubtful_until = welcome.last_id
            if gap.oldest_id is None or order(gap.oldest_id) > order(welcome.last_id):
                self._lose_the_doubtful()

    def _said_in_welcome(self, said: Any) -> Reply | None:
        try:
            reply_id, request_id, attempt = said["reply_id"], said["request_id"], int(said["attempt"])
            state, text = str(said["state"]), str(said["text"])
            known = reply_id in self._ended
        except (TypeError, KeyError, ValueError):
            return None
        if known:
            return None
        reply = self._named(reply_id, request_id)
        reply.catch_up(attempt, state, text)
        return reply

    def _named(self, reply_id: str, request_id: str) -> Reply:
        """The reply with this id, which is active from now on."""
        if reply_id not in self._active:
            reply = self._asked.pop(request_id, None) or Reply(request_id, self._waiters, self._cancel)
            self._unknown.pop(request_id, None)
            reply.name(reply_id)
            self._active[reply_id] = reply
        return self._active[reply_id]

    def _end(self, event: ReplyDone | ReplyError) -> Reply:
        if event.reply_id in self._ended:
            return self._ended[event.reply_id]
        reply = self._named(event.reply_id, event.request_id)
        reply.end(event.text, event.bd)
        self._forget(reply)
        return reply

    def _lose_the_doubtful(self) -> None:
        for reply in self._doubtful:
            reply.fail(ReplyFailed("lost", "The end of this reply is no longer kept.", reply.text))
            self._forget(reply)
        self._doubtful = []

    def _forget(self, reply: Reply) -> None:
        """Keep it among those that have ended."""
        self._asked.pop(reply.request_id, None)
        self._unknown.pop(reply.request_id, None)
        if reply.reply_id is not None and self._active.pop(reply.reply_id, None) is not None:
            self._ended[reply.reply_id] = reply
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
