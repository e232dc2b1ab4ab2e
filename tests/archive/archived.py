"""Messages that are in the archive only, as if their sessions had left the store."""

import json
from typing import Any

from doqchat.archive import writing
from doqchat.archive.writing import Batch

BEGAN = 1_700_641_234_567
"""The time of the first message, in ms."""


def body(text: str, event: str = "chat.message", **hd: Any) -> str:
    """An envelope as it is stored."""
    return json.dumps({"hd": {"event": event, **hd}, "bd": {"text": text}}, ensure_ascii=False)


def archive(
    sid: str,
    *texts: str,
    ids: list[str] | None = None,
    began: int = BEGAN,
    role: str = "A",
    event: str = "chat.message",
    **hd: Any,
) -> list[str]:
    """Archive texts, one in a millisecond or with the given ids; their ids."""
    ids = ids or [f"{began + number}-0" for number in range(len(texts))]
    entries = [(entry_id, role, body(text, event, **hd)) for entry_id, text in zip(ids, texts, strict=True)]
    writing.write([Batch(sid, entries, 0)])
    return ids
