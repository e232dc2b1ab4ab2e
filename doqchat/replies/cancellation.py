"""Cancelling replies: they end before the model has finished, with what people have seen of them."""

from typing import Any

from doqchat.errors import NotFound
from doqchat.protocol.events import LLMRequest
from doqchat.protocol.ids import parse_id, request_of
from doqchat.protocol.names import MODEL_ROLE
from doqchat.store import keys
from doqchat.store.early_end import Interruption, early_end
from doqchat.store.script import load
from doqchat.store.shards import Shards

LOOKED_AT, PAGE = 1_000, 100

_INTERRUPT, _ENDED = load("reply_interrupt", "entry", "turn", "filled", "interrupt"), load("reply_ended")


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
        used = [keys.QUEUES, keys.stream(sid), keys.COUNTERS]
        shard = self._shards.of(sid)
        ending = early_end(shard, sid, reason)
        given: dict[str, Any] = {"reply": reply_id, "sid": sid, "own": keys.own(sid), "early_end": ending}
        return bool(await shard.pipeline.run(_INTERRUPT, used, **given))

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
