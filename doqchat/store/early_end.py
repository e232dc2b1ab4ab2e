"""How a reply ends before the model has said all, as the scripts take it that include parts/interrupt.lua."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

from doqchat.protocol import server
from doqchat.protocol.events import LLMResponse, Usage
from doqchat.protocol.names import MODEL_ROLE
from doqchat.store import keys
from doqchat.store.link import Argument
from doqchat.store.shards import Shard

Interruption = Literal["cancelled", "superseded"]


def early_end(shard: Shard, sid: str, reason: Interruption) -> Sequence[Argument]:
    """The arguments for one reply; every append has them, should it supersede one.

    Args:
        shard: the server that holds the session.
        sid: the session.
        reason: why it ends.
    """
    terminal = server.stored_json(sid, LLMResponse.event, _blank(reason))
    return keys.WORKERS, shard.interruptions, shard.channel(sid), MODEL_ROLE, terminal, keys.ENDED + reason


@cache
def _blank(reason: Interruption) -> str:
    """The `bd` of the terminal event as JSON text, in which the ids, the model and the text are to be filled in."""
    blank = LLMResponse(reply_id="", request_id="", text="", finish_reason=reason, model="", usage=Usage())
    return blank.model_dump_json(exclude_none=True)
