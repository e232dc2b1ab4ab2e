"""Sessions in the database as the archiver writes them."""

import json
from typing import Any

from doqchat.archive import records
from doqchat.archive.writing import Batch, write


def archive(
    sid: str, *said: tuple[str, dict[str, Any]], at: int = 1_700_641_234_567, imported: bool = False
) -> list[str]:
    """Archive events, `(event, bd)`, one per second from a time in ms on; their ids."""
    entries = []
    for number, (event, bd) in enumerate(said):
        body = json.dumps({"hd": {"event": event, "role": "A", "sid": sid}, "bd": bd})
        entries.append((f"{at + number * 1_000}-0", "A", body))
    write([Batch(sid, entries, 0)], imported=imported)
    return [entry_id for entry_id, _, _ in entries]


def leave(sid: str, **settings: str) -> None:
    """Record that a session has left the store with these settings."""
    records.leave(sid, json.dumps({"settings": [part for pair in settings.items() for part in pair]}))
