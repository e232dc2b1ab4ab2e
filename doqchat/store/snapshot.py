"""Snapshots of a session, for joining clients."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from doqchat.protocol.events import ReplyUnderWay
from doqchat.protocol.ids import order, parse_id, request_of
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.presence import LASTS_SECONDS, LISTED, Present, present
from doqchat.store.script import load
from doqchat.store.settings import SessionSettings, parsed_settings
from doqchat.store.shards import Shards

log = logging.getLogger(__name__)

_SNAPSHOT = load("snapshot", "presence", constants=LISTED)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a session at one moment.

    Attributes:
        present: who is connected.
        replies: active replies with their text so far, oldest request first.
        read: the last id that each role has read.
        settings: the session's settings.
    """

    present: Present
    replies: list[ReplyUnderWay]
    read: dict[str, str]
    settings: SessionSettings


class Snapshots:
    """Takes snapshots of all sessions; every call may raise Unavailable.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def take(self, sid: str, arriving: str = "") -> Snapshot:
        """Take a snapshot, and atomically add a connection.

        Args:
            sid: the session.
            arriving: the `presence.entry` of the joining connection, published to the session's group; empty for none.
        """
        used = [keys.presence(sid), keys.replies(sid), keys.read_receipts(sid), keys.settings(sid)]
        shard = self._shards.of(sid)
        members, people, replies, read, settings = await shard.pipeline.run(
            _SNAPSHOT,
            used,
            connection=arriving,
            seconds=LASTS_SECONDS,
            channel=shard.channel(sid),
            replies=keys.reply(sid, ""),
        )
        return Snapshot(
            present(members, people), _under_way(replies), dict(pairs(read)), parsed_settings(sid, settings)
        )


def _under_way(rows: Sequence[Any]) -> list[ReplyUnderWay]:
    replies = [reply for row in rows if (reply := _reply(*row)) is not None]
    return sorted(replies, key=lambda reply: order(reply.request_id))


def _reply(reply_id: str, attempt: str | None, state: str | None, text: str | None) -> ReplyUnderWay | None:
    """An active reply; None if its data is invalid."""
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
        log.warning("Skipped invalid data of reply %s.", reply_id)
        return None
