"""Presence: the connections in a session, which expire unless they are renewed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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


def entry(connection: str, person: str | None, name: str | None) -> str:
    """What the presence stores for a connection, and scripts/parts/presence.lua reads.

    It is `ROLE:ID:PERSON:NAME`, or `ROLE:ID` if neither is known.

    Args:
        connection: `ROLE:ID`, unique in the session.
        person: the pseudonym of its owner, see `person_of`; None if unknown.
        name: the display name.
    """
    return f"{connection}:{person or ''}:{name or ''}" if person or name else connection


def present(members: Sequence[Any], people: Sequence[Any]) -> Present:
    """The result of the scripts: `[role, count, …]` and `[role, person, name, count, …]`, sorted here."""
    listed = sorted(zip(people[::4], people[2::4], people[1::4], people[3::4], strict=True))
    return Present(
        dict(sorted((str(role), int(count)) for role, count in pairs(members))),
        [
            Person(role=role, name=name or None, person=person or None, connections=count)
            for role, name, person, count in listed
        ],
    )
