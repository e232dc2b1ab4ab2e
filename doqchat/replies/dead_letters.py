"""Dead letters: requests that have reached the maximum number of deliveries."""

from dataclasses import dataclass, field
from datetime import datetime

from doqchat.errors import SessionClosed, Unreadable
from doqchat.protocol import server
from doqchat.protocol.ids import is_reply_id, order, parse_id, request_of, time_of
from doqchat.protocol.names import is_sid
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.moderation import CLOSED, CLOSED_MESSAGE
from doqchat.store.script import load
from doqchat.store.shards import Shard, Shards
from doqchat.store.stream import SessionStream

_RETRY = load("reply_retry", "session", "replies", "owed")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter.

    Attributes:
        id: the id of its entry, which contains the time.
        shard: its server.
        sid: the session; like the fields below it is empty if the entry lacks it.
        request: the id of the request's event.
        reply: the id of the reply that ended in an error.
        llm: the alias of the requested model.
        automatic: whether it is an automatic reply.
        prompt: the text of the request; empty if the session no longer has it.
    """

    id: str
    shard: Shard = field(repr=False)
    sid: str
    request: str
    reply: str
    llm: str
    automatic: bool
    prompt: str

    @property
    def died_at(self) -> datetime:
        """When the request was given up."""
        return time_of(self.id)

    @property
    def complete(self) -> bool:
        """Whether it has all fields that a retry needs."""
        named = is_sid(self.sid) and parse_id(self.request) and is_reply_id(self.reply)
        return bool(named and self.llm)


async def keep(shard: Shard, sid: str, reply: str, llm: str, *, automatic: bool) -> None:
    """Add a dead letter, before the reply ends as one; raises Unavailable.

    If the worker dies right after this, it may be added twice; it can be retried only once.
    """
    fields = ("sid", sid, "request", request_of(reply), "reply", reply, "llm", llm, "auto", int(automatic))
    await shard.pipeline.execute("XADD", keys.DEAD_LETTERS, "*", *fields)


class DeadLetters:
    """The dead letters of all servers; every call may raise Unavailable, and `retry` and `drop` Uncertain.

    Args:
        shards: the servers.
        stream: the sessions' streams, for the prompts.
    """

    def __init__(self, shards: Shards, stream: SessionStream) -> None:
        self._shards = shards
        self._stream = stream

    async def list(self) -> list[DeadLetter]:
        """All dead letters, oldest first."""
        found = []
        for shard in self._shards:
            for entry_id, flat in await shard.reads.execute("XRANGE", keys.DEAD_LETTERS, "-", "+"):
                fields = dict(pairs(flat))
                found.append(await self._read(shard, entry_id, fields))
        return sorted(found, key=lambda job: order(job.id))

    async def retry(self, job: DeadLetter) -> str | None:
        """Queue a new reply to the request; its id, or None if the dead letter is gone or not complete.

        The `llm.error` of the old reply stays; the new reply gets a second terminal event.

        Raises:
            SessionClosed: a moderator has closed the session; the dead letter stays.
            Unreadable: keys of the session have the wrong type; the dead letter stays.
        """
        if not job.complete:
            return None
        await self._stream.keep(job.sid)
        shard = self._shards.of(job.sid)
        reply, hints = await shard.pipeline.run(
            _RETRY, [keys.stream(job.sid)], repeat=False, reply=job.reply, llm=job.llm, auto=int(job.automatic)
        )
        shard.hints.post(job.sid, hints)
        if reply == CLOSED:
            raise SessionClosed(CLOSED_MESSAGE)
        await self._forget(job)
        return reply or None

    async def drop(self, job: DeadLetter) -> bool:
        """Delete a dead letter; False if it is gone."""
        if is_sid(job.sid):
            await self._stream.keep(job.sid)
            await self._shards.of(job.sid).pipeline.execute("SREM", keys.dead(job.sid), job.reply)
        return await self._forget(job)

    async def _forget(self, job: DeadLetter) -> bool:
        return bool(await job.shard.pipeline.execute("XDEL", keys.DEAD_LETTERS, job.id, repeat=False))

    async def _read(self, shard: Shard, entry_id: str, fields: dict[str, str]) -> DeadLetter:
        named = {name: fields.get(name, "") for name in ("sid", "request", "reply", "llm")}
        prompt = await self._prompt(named["sid"], named["request"])
        return DeadLetter(id=entry_id, shard=shard, **named, automatic=fields.get("auto") == "1", prompt=prompt)

    async def _prompt(self, sid: str, request: str) -> str:
        if not is_sid(sid) or parse_id(request) is None:
            return ""
        try:
            entry = await self._stream.get(sid, request)
        except Unreadable:
            return ""
        said = server.read_stored(entry.body) if entry else None
        return said.text if said else ""
