"""Replies as the session's people see them: under way, cancelled."""

from collections.abc import Callable
from typing import Any

from doqchat.errors import NotFound
from doqchat.protocol import server
from doqchat.protocol.events import LLMResponse, ReplyUnderWay, Usage
from doqchat.protocol.ids import parse_id
from doqchat.protocol.names import MODEL_ROLE
from doqchat.replies.metrics import outcome_of
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shards

KEPT_SECONDS = 24 * 60 * 60
"""How long the store keeps a reply that nobody ends."""

_CANCEL = load("reply_cancel", "entry", "turn")
_UNDER_WAY = load("replies_under_way")


def request_of(reply_id: str) -> str:
    """The id of the request that a reply answers: it is named after it, as `rREQUEST`, and anew as `rREQUEST-2`."""
    return "-".join(reply_id.removeprefix("r").split("-")[:2])


class Replies:
    """The replies of all sessions; every call may raise Unavailable.

    Args:
        shards: the servers.
        channel_of: the name of the channel of a session's group.
    """

    def __init__(self, shards: Shards, channel_of: Callable[[str], str]) -> None:
        self._shards = shards
        self._channel_of = channel_of

    async def under_way(self, sid: str) -> list[ReplyUnderWay]:
        """What has been said so far of every answer that is not finished, oldest request first."""
        rows = await self._shards.of(sid).pipeline.run(_UNDER_WAY, [keys.replies(sid)], keys.reply(sid, ""))
        return [
            ReplyUnderWay(
                reply_id=reply_id,
                request_id=request_of(reply_id),
                attempt=int(attempt or 1),
                state=state or "waiting",
                text=text or "",
            )
            for reply_id, attempt, state, text in sorted(rows)
        ]

    async def cancel(self, sid: str, reply_id: str) -> None:
        """End a reply with what was said so far; does nothing when it has ended.

        Raises:
            NotFound: the session has no such reply.
        """
        request = parse_id(request_of(reply_id))
        if request is None or await self._end(sid, reply_id, request) == "missing":
            raise NotFound("The session has no such reply.", field="bd.reply_id")

    async def _end(self, sid: str, reply_id: str, request_id: str) -> Any:
        unsaid = LLMResponse(
            reply_id=reply_id, request_id=request_id, text="", finish_reason="cancelled", model="", usage=Usage()
        )
        told = keys.WORKERS, keys.INTERRUPTIONS, server.stored(sid, unsaid), MODEL_ROLE, self._channel_of(sid)
        used = [keys.JOBS, keys.stream(sid), keys.COUNTERS]
        pipeline = self._shards.of(sid).pipeline
        return await pipeline.run(_CANCEL, used, reply_id, *told, sid, keys.own(sid), outcome_of(unsaid))
