"""Requests that were given up: every worker that tried to answer them died of it."""

from dataclasses import dataclass

from doqchat.protocol import stored
from doqchat.protocol.ids import order
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream

_RETRY = load("dead_retry", "turn")


@dataclass(frozen=True, slots=True)
class DeadJob:
    """A job that was given up.

    Attributes:
        id: its entry among the dead ones, whose time is that of the end.
        sid: the session.
        request: the id of the request's event.
        reply: the id of the reply that ended in an error.
        llm: the alias of the model that was asked.
        automatic: whether nobody asked; the session's reply policy did.
        prompt: what was asked; empty when the session no longer has it.
    """

    id: str
    sid: str
    request: str
    reply: str
    llm: str
    automatic: bool
    prompt: str

    @property
    def died_at(self) -> float:
        """When it was given up, in seconds since 1970."""
        return order(self.id)[0] / 1000


class DeadJobs:
    """The dead jobs of all servers; every call may raise Unavailable, and one that changes something Uncertain.

    Args:
        shards: the servers.
        stream: where the requests are read from.
    """

    def __init__(self, shards: Shards, stream: SessionStream) -> None:
        self._shards = shards
        self._stream = stream

    async def list(self) -> list[DeadJob]:
        """All of them, oldest first."""
        found = []
        for shard in self._shards:
            for entry_id, flat in await shard.reads.execute("XRANGE", keys.DEAD_JOBS, "-", "+"):
                fields = dict(zip(flat[::2], flat[1::2], strict=True))
                found.append(await self._read(entry_id, fields))
        return sorted(found, key=lambda job: order(job.id))

    async def retry(self, job: DeadJob) -> str | None:
        """Have the request answered by a new reply; its id, or None when the job is no longer there.

        The reply that was given up has had its `llm.error`, which stays; the new one ends in an event of its own.
        """
        used, told = (
            [keys.DEAD_JOBS, keys.QUEUES],
            (job.id, job.sid, job.reply, job.llm, int(job.automatic), keys.own(job.sid)),
        )
        return await self._shards.of(job.sid).pipeline.run(_RETRY, used, *told, repeat=False) or None

    async def drop(self, job: DeadJob) -> bool:
        """Forget a job; False when it is no longer there."""
        return bool(await self._shards.of(job.sid).pipeline.execute("XDEL", keys.DEAD_JOBS, job.id, repeat=False))

    async def _read(self, entry_id: str, fields: dict[str, str]) -> DeadJob:
        request = await self._stream.get(fields["sid"], fields["request"])
        said = stored.read(request.body) if request else None
        named = {name: fields[name] for name in ("sid", "request", "reply", "llm")}
        automatic = fields.get("auto") == "1"
        return DeadJob(id=entry_id, **named, automatic=automatic, prompt=said.text if said else "")
