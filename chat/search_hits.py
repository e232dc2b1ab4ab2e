"""Hits of a search as people and programs see them: with the session's title and an excerpt."""

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from doqchat.archive.excerpt import excerpt
from doqchat.engine import engine
from doqchat.protocol import server
from doqchat.protocol.ids import BEGINNING, time_of
from doqchat.store.search import Hit
from doqchat.store.settings import parsed_settings


async def shown(hits: Sequence[Hit], terms: Sequence[str]) -> list[dict[str, Any]]:
    """Hits in the form of the HTTP API; raises Unavailable."""
    titles = await _titles([hit.sid for hit in hits])
    return await asyncio.to_thread(lambda: [_shown(hit, titles[hit.sid], terms) for hit in hits])


async def archived_states(sids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the store had of sessions when they last left it."""
    archive = engine().archive
    return {} if archive is None else await archive.states(sids)


async def _titles(sids: Sequence[str]) -> dict[str, str]:
    """The titles of sessions; those that have left the store have it in the archive."""
    unique = list(dict.fromkeys(sids))
    states = await archived_states(unique)
    titles = await asyncio.gather(*(_title(sid, states.get(sid, {})) for sid in unique))
    return dict(zip(unique, titles, strict=True))


async def _title(sid: str, state: dict[str, Any]) -> str:
    stored = await engine().settings.of(sid)
    if stored.title or await engine().stream.tail(sid) != BEGINNING:
        return stored.title
    return parsed_settings(sid, state.get("settings") or []).title


def _shown(hit: Hit, title: str, terms: Sequence[str]) -> dict[str, Any]:
    said, name = server.read_stored(hit.body), from_json(hit.body)["hd"].get("name")
    return {
        "sid": hit.sid,
        "title": title,
        "id": hit.id,
        "event": said.event if said is not None else "",
        "role": hit.participant,
        "name": name if isinstance(name, str) else None,
        "time": time_of(hit.id).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "excerpt": excerpt(said.text if said is not None else "", terms)._asdict(),
    }
