"""Moderation of sessions: removed messages, muted roles, closed sessions."""

from math import ceil
from typing import Any

from doqchat.errors import DoqchatError, Muted, NotFound, SessionClosed, Unreadable
from doqchat.protocol.names import Role
from doqchat.store import keys
from doqchat.store.cancellation import cancellation
from doqchat.store.older import Archive
from doqchat.store.script import load
from doqchat.store.shards import Shards

_CANCELS = ("session", "border", "entry", "replies", "owed", "event", "cancel")
_REMOVE, _CLOSE = load("message_remove", *_CANCELS), load("session_close", *_CANCELS)
_CHANGE = load("moderation_change", "session", "border", "entry")

CLOSED = "closed"
CLOSED_MESSAGE = "This session is closed."


class Moderation:
    """Moderates all sessions. Every call atomically stores an event that reports it; all may raise Unavailable.

    Args:
        shards: the servers.
        archive: the archive; None if all events stay in the store.
    """

    def __init__(self, shards: Shards, archive: Archive | None = None) -> None:
        self._shards = shards
        self._archive = archive

    async def remove(self, sid: str, entry_id: str, placeholder: str, by: Role, report: str) -> bool:
        """Replace an event by a placeholder with the same id, and cancel an active reply to it.

        Takes time in proportion to the session's number of events.

        Args:
            sid: the session.
            entry_id: the event.
            placeholder: the envelope in its place, as JSON.
            by, report: the participant and the envelope of the event that reports it.

        Returns:
            Whether it was replaced; False if it is the placeholder already.

        Raises:
            NotFound: the session has no such event.
        """
        outcome = await self._remove(sid, entry_id, placeholder, by, report, archived=False)
        if self._archive is not None:
            before = await self._archive.replace(sid, entry_id, placeholder)
            if outcome == "missing" and before is not None:
                outcome = "known"
                if before != placeholder:
                    outcome = await self._remove(sid, entry_id, placeholder, by, report, archived=True)
        if outcome == "missing":
            raise NotFound("The session has no event with this id.", field="id")
        return outcome == "removed"

    async def _remove(self, sid: str, entry_id: str, placeholder: str, by: Role, report: str, *, archived: bool) -> str:
        shard = self._shards.of(sid)
        outcome, hints = await shard.pipeline.run(
            _REMOVE,
            [keys.stream(sid), keys.rewritten(sid)],
            id=entry_id,
            placeholder=placeholder,
            cancellation=cancellation(shard, sid, "cancelled"),
            archived=archived,
            **self._reported(sid, by, report),
        )
        shard.hints.post(sid, hints)
        shard.hints.active(sid)
        return str(outcome)

    async def close(self, sid: str, by: Role, report: str) -> bool:
        """Close a session, and cancel its active replies; False if it is closed already."""
        shard = self._shards.of(sid)
        cancelling = cancellation(shard, sid, "cancelled")
        closed, hints = await shard.pipeline.run(
            _CLOSE, [keys.stream(sid)], cancellation=cancelling, **self._reported(sid, by, report)
        )
        shard.hints.post(sid, hints)
        shard.hints.active(sid)
        return bool(closed)

    async def reopen(self, sid: str, by: Role, report: str) -> bool:
        """Reopen a session; False if it is not closed."""
        return await self._change(sid, CLOSED, None, by, report)

    async def mute(self, sid: str, role: str, seconds: int, by: Role, report: str) -> None:
        """Mute a role for some seconds; 0 for no end."""
        await self._change(sid, f"muted:{role}", seconds, by, report)

    async def unmute(self, sid: str, role: str, by: Role, report: str) -> bool:
        """End a mute; False if there is none."""
        return await self._change(sid, f"muted:{role}", None, by, report)

    async def report(self, sid: str, by: Role, report: str) -> None:
        """Store an event of a moderator, also in a closed session."""
        await self._change(sid, None, None, by, report)

    async def is_closed(self, sid: str) -> bool:
        """Whether a session is closed; one whose settings cannot be read is not."""
        try:
            return bool(await self._shards.of(sid).pipeline.execute("HEXISTS", keys.settings(sid), CLOSED))
        except Unreadable:
            return False

    async def _change(self, sid: str, field: str | None, seconds: int | None, by: Role, report: str) -> bool:
        shard = self._shards.of(sid)
        changed = await shard.pipeline.run(
            _CHANGE, [keys.stream(sid)], field=field, seconds=seconds, **self._reported(sid, by, report)
        )
        shard.hints.active(sid)
        return bool(changed)

    def _reported(self, sid: str, by: Role, report: str) -> dict[str, Any]:
        return {"channel": self._shards.of(sid).channel(sid), "participant": by, "body": report}


def refusal(outcome: str, wait_ms: int, role: str) -> DoqchatError | None:
    """The error for an append that moderators do not allow; None for another outcome.

    Args:
        outcome: `closed` or `muted`, from append.lua.
        wait_ms: milliseconds until the mute ends; 0 for no end.
        role: who sent it.
    """
    if outcome == CLOSED:
        return SessionClosed(CLOSED_MESSAGE)
    if outcome != "muted":
        return None
    if not wait_ms:
        return Muted(f"A moderator has muted {role}.")
    seconds = ceil(wait_ms / 1000)
    return Muted(f"A moderator has muted {role} for another {seconds} s.", retry_after=seconds)
