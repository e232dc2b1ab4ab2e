"""Envelopes as clients write them."""

import json
from typing import Any


def text_of(bd: Any = None, **hd: Any) -> str:
    """A frame's text: a message, unless the arguments say otherwise."""
    return json.dumps({"hd": {"event": "chat.message", **hd}, "bd": {"text": "hi"} if bd is None else bd})
