"""The project's ASGI application; GET /garbage says what became unreachable in cycles since it was asked last."""

import gc
import json
from collections import Counter
from typing import Any

from config.asgi import application as served


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer at /garbage, and hand on the rest."""
    if scope.get("path") != "/garbage":
        await served(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(collected()).encode()})


def collected() -> dict[str, int]:
    """How many objects of which type a full collection finds; after that no other runs until it is asked again."""
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    counts = Counter(type(found).__qualname__ for found in gc.garbage)
    gc.garbage.clear()
    gc.collect()
    return dict(counts.most_common())
