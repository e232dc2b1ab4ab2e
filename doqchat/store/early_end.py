"""How a reply ends before the model has said all, as the scripts take it that include parts/interrupt.lua."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

from doqchat.protocol import server
from doqchat.protocol.events import LLMResponse, Usage
from doqchat.protocol.names import MODEL_ROLE
from doqchat.store import keys
from doqchat.store.link import Argument

Interruption = Literal["cancelled", "superseded"]


def early_end(sid: str, workers: str, channel: str, reason: Interruption) -> Sequence[Argument]:
    """The arguments for one reply; every append has them, should it supersede one.

    Args:
        sid: the session.
        workers: the channel on which the server's workers hear of it.
        channel: the channel of its group.
        reason: why it ends.
    """
    terminal = server.stored_json(sid, LLMResponse.event, _blank(reason))
    return keys.WORKERS, workers, channel, MODEL_ROLE, terminal, keys.ENDED + reason


@cache
def _blank(reason: Interruption) -> str:
    """The `bd` of the terminal event as JSON text, in which the ids, the model and the text are to be filled in."""
    blank = LLMResponse(reply_id="", request_id="", text="", finish_reason=reason, model="", usage=Usage())
    return blank.model_dump_json(exclude_none=True)
