"""Presence: the connections in a session, which expire unless they are renewed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from doqchat.protocol.events import Person
from doqchat.protocol.names import MOST_PEOPLE
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.script import load
from doqchat.store.shards import Shards

LASTS_SECONDS = 30

LISTED = {"most_people": MOST_PEOPLE}
"""The constants of scripts with the part `presence`."""

_PRESENCE = load("presence", "presence", constants=LISTED)


@dataclass(frozen=True, slots=True)
class Present:
    """Who is connected to a session.

    Attributes:
        members: the number of connections per role.
        people: the people, by role and name; MOST_PEOPLE at most.
    """

    members: dict[str, int] = field(default_factory=dict)
    people: list[Person] = field(default_factory=list)


class Presence:
    """Presence of all sessions; every call may raise Unavailable.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def add(self, sid: str, connections: Sequence[str]) -> Present:
        """Add or renew connections, as `entry` names them, for LASTS_SECONDS; returns who is present then."""
        return await self._note(sid, "add", connections)

    async def remove(self, sid: str, connections: Sequence[str]) -> Present:
        """Remove connections; returns who is present then."""
        return await self._note(sid, "remove", connections)

    async def members(self, sid: str) -> dict[str, int]:
        """The number of connections per role."""
        return (await self._note(sid, "add", ())).members

    async def publish(self, sid: str) -> None:
        """Publish who is present to the session's group, even if it has not changed."""
        await self._note(sid, "publish", ())

    async def _note(self, sid: str, what: str, connections: Sequence[str]) -> Present:
        shard = self._shards.of(sid)
        members, people = await shard.pipeline.run(
            _PRESENCE,
            [keys.presence(sid)],
            what=what,
            seconds=LASTS_SECONDS,
            channel=shard.channel(sid),
            connections=connections,
        )
        return present(members, people)


def entry(connection: str, subject: str | None, name: str | None) -> str:
    """What the presence stores for a connection, and scripts/parts/presence.lua reads.

    It is `ROLE:ID:PERSON:NAME`, or `ROLE:ID` if neither is known.

    Args:
        connection: `ROLE:ID`, unique in the session.
        subject: the `sub` of its credential, which is stored as a digest.
        name: the display name.
    """
    if subject is None and not name:
        return connection
    person = "" if subject is None else blake2b(subject.encode(), digest_size=9).hexdigest()
    return f"{connection}:{person}:{name or ''}"


def present(members: Sequence[Any], people: Sequence[Any]) -> Present:
    """The result of the scripts: `[role, count, …]` and `[role, name, count, …]`, sorted here."""
    listed = zip(people[::3], people[1::3], people[2::3], strict=True)
    return Present(
        dict(sorted((str(role), int(count)) for role, count in pairs(members))),
        [Person(role=role, name=name or None, connections=count) for role, name, count in sorted(listed)],
    )
