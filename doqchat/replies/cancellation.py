"""Cancels replies: they end before the model has finished, with the text so far."""

from collections.abc import Mapping

from doqchat.errors import NotFound
from doqchat.protocol.events import LLMRequest
from doqchat.protocol.ids import parse_id, request_of
from doqchat.protocol.names import MODEL_ROLE
from doqchat.store import keys
from doqchat.store.early_end import Interruption, early_end
from doqchat.store.script import load
from doqchat.store.shards import Shard, Shards

LOOKED_AT, PAGE = 1_000, 100

_INTERRUPT, _ENDED = (
    load("reply_interrupt", "session", "entry", "replies", "owed", "filled", "interrupt"),
    load("reply_ended"),
)


class Cancellation:
    """Ends replies before the model has finished; every call may raise Unavailable.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def interrupt(self, sid: str, reply_id: str, reason: Interruption) -> None:
        """End a reply with its text so far; does nothing if it has ended.

        A reply that is not active has ended if the session has its request, or its terminal event within the LOOKED_AT
        entries after the request's id.

        Args:
            sid: the session.
            reply_id: the reply.
            reason: the finish reason.

        Raises:
            NotFound: the session has no such reply, or neither event was found.
        """
        request = parse_id(request_of(reply_id))
        if request is None or not (
            await self._interrupt(sid, reply_id, reason) or await self._has_ended(sid, reply_id, request)
        ):
            raise NotFound("The session has no such reply.", field="bd.reply_id")

    async def _interrupt(self, sid: str, reply_id: str, reason: Interruption) -> bool:
        shard = self._shards.of(sid)
        return await end_early(shard, sid, reply_id, early_end(shard, sid, reason))

    async def _has_ended(self, sid: str, reply_id: str, request: str) -> bool:
        """Whether a reply that is not active has existed; reads in pages, so that other commands are not delayed."""
        start = request
        for _ in range(LOOKED_AT // PAGE):
            found: str = await self._shards.of(sid).reads.run(
                _ENDED,
                [keys.stream(sid)],
                reply=reply_id,
                begins=start,
                count=PAGE,
                participant=MODEL_ROLE,
                request_event=LLMRequest.event,
            )
            if found in ("ended", "missing"):
                return found == "ended"
            start = f"({found}"
        return False


async def end_early(
    shard: Shard, sid: str, reply_id: str, ending: Mapping[str, str], *, if_waiting: bool = False
) -> bool:
    """End an active reply with its text so far; whether it was active. Raises Unavailable.

    Args:
        shard: the session's server.
        sid: the session.
        reply_id: the reply.
        ending: the terminal event and counter, see store/early_end.py.
        if_waiting: only if no worker holds its lease.
    """
    ended, hints = await shard.pipeline.run(
        _INTERRUPT, [keys.stream(sid)], reply=reply_id, early_end=dict(ending), if_waiting=if_waiting
    )
    shard.hints.post(sid, hints)
    return bool(ended)
