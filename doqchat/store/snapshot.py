"""How a session stands at one moment, for whoever comes into it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from doqchat.protocol.events import ReplyUnderWay
from doqchat.protocol.ids import order, parse_id, request_of
from doqchat.store import keys
from doqchat.store.presence import LASTS_SECONDS, counts
from doqchat.store.script import load
from doqchat.store.shards import Shards

log = logging.getLogger(__name__)

_SNAPSHOT = load("snapshot", "presence")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One session at one moment.

    Attributes:
        members: how many connections there are of each role.
        replies: what has been said so far of every answer that is not finished, oldest request first.
        read: the highest id that each role has read.
    """

    members: dict[str, int]
    replies: list[ReplyUnderWay]
    read: dict[str, str]


class Snapshots:
    """Takes snapshots of all sessions; every call may raise Unavailable.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def take(self, sid: str, arriving: str = "") -> Snapshot:
        """The session now.

        Args:
            sid: the session.
            arriving: a connection (`ROLE:NAME`) that comes in at the same moment, which the session's group is told.
        """
        used = [keys.presence(sid), keys.replies(sid), keys.read_marks(sid)]
        shard = self._shards.of(sid)
        members, replies, read = await shard.pipeline.run(
            _SNAPSHOT,
            used,
            connection=arriving,
            seconds=LASTS_SECONDS,
            channel=shard.channel(sid),
            replies=keys.reply(sid, ""),
        )
        return Snapshot(counts(members), _under_way(replies), dict(zip(read[::2], read[1::2], strict=True)))


def _under_way(rows: Sequence[Any]) -> list[ReplyUnderWay]:
    replies = [reply for row in rows if (reply := _reply(*row)) is not None]
    return sorted(replies, key=lambda reply: order(reply.request_id))


def _reply(reply_id: str, attempt: str | None, state: str | None, text: str | None) -> ReplyUnderWay | None:
    """A reply as the store knows it; None for one that something else has written."""
    request_id = parse_id(request_of(reply_id))
    try:
        return ReplyUnderWay.model_validate(
            {
                "reply_id": reply_id,
                "request_id": request_id,
                "attempt": attempt or 1,
                "state": state or "waiting",
                "text": text or "",
            }
        )
    except ValidationError:
        log.warning("What the store has of the reply %s is left out: it cannot be read.", reply_id)
        return None
