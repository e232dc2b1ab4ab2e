"""Cancelling replies: they end before the model has finished, with what people have seen of them."""

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
        """End a reply now, with what was said so far; does nothing when it has ended.

        That a reply has ended is seen from its request, or from the event that ended it. That event is looked for in
        the LOOKED_AT entries that follow what was answered, as far as the session still has them.

        Raises:
            NotFound: the session has no such reply, or nothing there shows it.
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
        """Whether a reply that is not under way was; looks at a page at a time, so that nobody waits for long."""
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
    """End a reply now, with what was said so far; whether it had not ended before. Raises Unavailable.

    Args:
        shard: the server that holds the session.
        sid: the session.
        reply_id: the reply.
        ending: how it ends, see store/early_end.py.
        if_waiting: leave one alone that a worker has.
    """
    ended, hints = await shard.pipeline.run(
        _INTERRUPT, [keys.stream(sid)], reply=reply_id, early_end=dict(ending), if_waiting=if_waiting
    )
    shard.hints.post(sid, hints)
    return bool(ended)
