"""Fields of the scripts that end a reply before the model has finished, see parts/interrupt.lua."""

from functools import cache
from typing import Literal

from doqchat.protocol import server
from doqchat.protocol.events import LLMResponse, Usage
from doqchat.protocol.names import MODEL_ROLE
from doqchat.store import keys
from doqchat.store.shards import Shard

Interruption = Literal["cancelled", "superseded"]


def early_end(shard: Shard, sid: str, reason: Interruption) -> dict[str, str]:
    """The field `early_end` of a script. Every append has it, because it may supersede a reply.

    Args:
        shard: the server that holds the session.
        sid: the session.
        reason: the finish reason.
    """
    terminal = server.stored_json(sid, LLMResponse.event, _blank(reason))
    return ending(shard, sid, terminal, keys.ENDED + reason)


def ending(shard: Shard, sid: str, terminal: str, counter: str) -> dict[str, str]:
    """The argument `ending` of parts/interrupt.lua.

    Args:
        shard: the server that holds the session.
        sid: the session.
        terminal: the terminal event as JSON, with empty ids, model and text, which the script fills in.
        counter: the counter to increment.
    """
    return {
        "workers": shard.workers_channel,
        "channel": shard.channel(sid),
        "participant": MODEL_ROLE,
        "body": terminal,
        "counter": counter,
    }


@cache
def _blank(reason: Interruption) -> str:
    """The `bd` of the terminal event as JSON, with empty ids, model and text."""
    blank = LLMResponse(reply_id="", request_id="", text="", finish_reason=reason, model="", usage=Usage())
    return blank.model_dump_json(exclude_none=True)
