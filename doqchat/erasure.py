"""Erases what was said in a session, or by a person in all sessions.

Placeholders keep the events' ids and order. The events of a whole session are first moved to the archive, where one
transaction replaces many; those of a person are removed one by one, so that clients remove what they show.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from doqchat.archive import records, writing
from doqchat.archive.archiver import Archiver
from doqchat.conf import ArchiveSettings, doqchat_settings
from doqchat.engine import Engine
from doqchat.errors import Conflict, DoqchatError, NotFound
from doqchat.moderation import report
from doqchat.protocol import server
from doqchat.protocol.events import MessageRemoved, SessionNotice
from doqchat.protocol.frames import person_of
from doqchat.protocol.names import MODEL_ROLE
from doqchat.store import keys
from doqchat.store.shards import Shard

AT_ONCE = 500
"""Events that one transaction erases."""

REWRITE_PAUSE = 0.1
"""Seconds between looks at whether a server has rewritten its file."""

NOTICE = "An administrator has erased what was said in this session until now."
REASON = "erased"
HELD_MEANWHILE = "The session was put on legal hold meanwhile: only a part of it is erased."


@dataclass(slots=True)
class Erased:
    """What is or would be erased.

    Attributes:
        events: the number of events by session.
        held: sessions on legal hold, of which nothing is erased.
    """

    events: Counter[str] = field(default_factory=Counter)
    held: set[str] = field(default_factory=set)


class Eraser:
    """Erases sessions and people.

    Args:
        engine: the engine of the running loop.

    Raises Conflict for a site without an archive.
    """

    def __init__(self, engine: Engine) -> None:
        if engine.archive is None:
            raise Conflict("Erasing requires the archive: set DOQCHAT['ARCHIVE'].")
        self._engine = engine
        self._archive = engine.archive

    async def session(self, sid: str, *, dry_run: bool = False) -> Erased:
        """Erase the text of all events of a session, its title, its names and its instructions.

        Active replies are cancelled. Members get a `session.notice` with the code `erased`.

        Args:
            sid: the session.
            dry_run: whether to only count.

        Raises:
            NotFound: there is no such session.
            Conflict: it was put on legal hold meanwhile; some may be erased.
            Unavailable: some may be erased; call it again.
        """
        async with self._archiver(self._engine.shards.of(sid)) as archiver:
            await archiver.copier.copy([sid])
            if await self._archive.known(sid) is None:
                raise NotFound("There is no session with this name.", field="sid")
            found = Erased(held=await self._archive.run(records.held, [sid]))
            if not found.held:
                found.events[sid] = await self._archive.run(records.unerased, sid)
            if dry_run or found.held:
                return found
            await self._engine.stream.keep(sid)
            await self._cancel_replies(sid)
            await archiver.empty(sid)
            while await self._archive.run(writing.erase, sid, AT_ONCE):
                pass
            if await self._archive.run(records.held, [sid]):
                raise Conflict(HELD_MEANWHILE)
        await self._engine.settings.change(sid, dict.fromkeys(("title", "name_a", "name_b", "name_llm", "system"), ""))
        await self._archive.run(records.forget_state, sid)
        await report(self._engine, sid, SessionNotice(code="erased", text=NOTICE))
        return found

    async def person(self, subject: str, *, replies: bool = False, dry_run: bool = False) -> Erased:
        """Erase what the holder of tokens with this `sub` has said in all sessions. Members get a `message.removed`.

        The names with which it spoke are also removed from the sessions' settings. Other events that quote it stay;
        erase the session to erase those as well.

        Args:
            subject: the `sub`.
            replies: whether to also erase the model's replies to it.
            dry_run: whether to only count.

        Raises Unavailable: some may be erased; call it again.
        """
        for shard in self._engine.shards:
            async with self._archiver(shard) as archiver:
                await archiver.copy_all()
        sids = await self._archive.run(records.sids)
        events = await self._archive.run(records.of_person, {person_of(sid, subject): sid for sid in sids})
        found = Erased()
        for sid, ids in events.items():
            if held := await self._archive.run(records.held, [sid]):
                found.held |= held
                continue
            # Replies go first: an erasure that is interrupted finds them again only while the requests are there.
            chosen = [*(await self._archive.run(records.replies_to, sid, ids) if replies else ()), *ids]
            found.events[sid] = len(chosen)
            if not dry_run:
                await self._engine.stream.keep(sid)
                await self._forget_names(sid, person_of(sid, subject))
                for entry_id in chosen:
                    await self._remove(sid, entry_id)
        return found

    async def rewrite_store(self) -> None:
        """Have the servers rewrite their append-only files, which still have what was erased; returns when it is done.

        Raises Unavailable.
        """
        for shard in self._engine.shards:
            await _rewrite(shard)

    @asynccontextmanager
    async def _archiver(self, shard: Shard) -> AsyncIterator[Archiver]:
        archiver = Archiver(
            shard, doqchat_settings().archive or ArchiveSettings(), lambda sid: self._engine.shards.of(sid) is shard
        )
        try:
            yield archiver
        finally:
            await archiver.close()

    async def _cancel_replies(self, sid: str) -> None:
        pipeline = self._engine.shards.of(sid).pipeline
        await pipeline.execute("DEL", keys.due(sid))
        for reply_id in await pipeline.execute("SMEMBERS", keys.replies(sid)):
            with suppress(NotFound):
                await self._engine.cancellation.cancel(sid, reply_id)

    async def _forget_names(self, sid: str, person: str) -> None:
        """Remove the names with which a person has spoken from the session's settings."""
        names = await self._archive.run(records.names_of, sid, person)
        known = (await self._engine.settings.of(sid)).names
        changes = {f"name_{role.lower()}": "" for role, name in known.items() if name in names}
        if changes:
            await self._engine.settings.change(sid, changes)
            await self._archive.run(records.forget_state, sid)

    async def _remove(self, sid: str, entry_id: str) -> None:
        """Replace an event by a placeholder, and report that."""
        entry = await self._engine.stream.get(sid, entry_id)
        if entry is None:
            return
        removal = server.stored(sid, MessageRemoved(id=entry_id, reason=REASON))
        with suppress(NotFound):  # retention has just removed it
            await self._engine.moderation.remove(sid, entry_id, server.erased(entry.body, sid), MODEL_ROLE, removal)


async def _rewrite(shard: Shard) -> None:
    """Rewrite the append-only file of a server; returns when it is rewritten."""
    if "aof_enabled:1" not in await shard.pipeline.execute("INFO", "persistence"):
        return
    while True:
        try:
            await shard.pipeline.execute("BGREWRITEAOF", repeat=False)
            break
        except DoqchatError:  # one is running: it may have begun before the erasure
            await asyncio.sleep(REWRITE_PAUSE)
    while await _is_rewriting(shard):  # noqa: ASYNC110 - the store does not report the end
        await asyncio.sleep(REWRITE_PAUSE)


async def _is_rewriting(shard: Shard) -> bool:
    found = await shard.pipeline.execute("INFO", "persistence")
    return "aof_rewrite_in_progress:1" in found or "aof_rewrite_scheduled:1" in found
