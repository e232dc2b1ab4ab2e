"""Requests that were given up: every worker that tried to answer them died of it."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from doqchat.errors import Unreadable
from doqchat.protocol import stored
from doqchat.protocol.ids import order, parse_id, request_of, time_of
from doqchat.protocol.names import is_sid
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shard, Shards
from doqchat.store.stream import SessionStream

_RETRY = load("reply_again", "session", "replies", "owed")
_REPLY = re.compile(r"r\d{1,20}-\d{1,20}(-\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that was given up.

    Attributes:
        id: its entry among the dead ones, whose time is that of the end.
        shard: the server that it is on.
        sid: the session; like the fields below it is empty when something else has written the job without it.
        request: the id of the request's event.
        reply: the id of the reply that ended in an error.
        llm: the alias of the model that was asked.
        automatic: whether nobody asked; the session's reply policy did.
        prompt: what was asked; empty when the session no longer has it.
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
        """When it was given up."""
        return time_of(self.id)

    @property
    def complete(self) -> bool:
        """Whether it says all that is needed to ask again."""
        named = is_sid(self.sid) and parse_id(self.request) and _REPLY.fullmatch(self.reply)
        return bool(named and self.llm)


async def keep(shard: Shard, sid: str, reply: str, llm: str, *, automatic: bool) -> None:
    """List a reply as a dead letter, before it ends as one; raises Unavailable.

    It may be listed twice, when a worker dies right after this: it can be asked again only once.
    """
    fields = ("sid", sid, "request", request_of(reply), "reply", reply, "llm", llm, "auto", int(automatic))
    await shard.pipeline.execute("XADD", keys.DEAD_LETTERS, "*", *fields)


class DeadLetters:
    """The dead jobs of all servers; every call may raise Unavailable, and one that changes something Uncertain.

    Args:
        shards: the servers.
        stream: where the requests are read from.
    """

    def __init__(self, shards: Shards, stream: SessionStream) -> None:
        self._shards = shards
        self._stream = stream

    async def list(self) -> list[DeadLetter]:
        """All of them, oldest first."""
        found = []
        for shard in self._shards:
            for entry_id, flat in await shard.reads.execute("XRANGE", keys.DEAD_LETTERS, "-", "+"):
                fields = dict(zip(flat[::2], flat[1::2], strict=True))
                found.append(await self._read(shard, entry_id, fields))
        return sorted(found, key=lambda job: order(job.id))

    async def retry(self, job: DeadLetter) -> str | None:
        """Have the request answered by a new reply; its id, or None when the job is no longer there, or not complete.

        The reply that was given up has had its `llm.error`, which stays; the new one ends in an event of its own.
        Raises Unreadable when keys of its session have the wrong type; then the job stays.
        """
        if not job.complete:
            return None
        shard = self._shards.of(job.sid)
        reply, hints = await shard.pipeline.run(
            _RETRY, [keys.stream(job.sid)], repeat=False, reply=job.reply, llm=job.llm, auto=int(job.automatic)
        )
        shard.hints.post(job.sid, hints)
        await self._forget(job)
        return reply or None

    async def drop(self, job: DeadLetter) -> bool:
        """Forget a job; False when it is no longer there."""
        if is_sid(job.sid):
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
        said = stored.read(entry.body) if entry else None
        return said.text if said else ""
