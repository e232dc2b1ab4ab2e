"""Cancels replies: they end before the model has finished, with the text so far."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic_core import to_json

from doqchat.errors import NotFound
from doqchat.protocol import server
from doqchat.protocol.events import LLMRequest, LLMResponse, Usage
from doqchat.protocol.ids import parse_id, request_of
from doqchat.protocol.names import MODEL_ROLE
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shard, Shards

LOOKED_AT, PAGE = 1_000, 100

CancelReason = Literal["cancelled", "superseded"]
"""The finish reason of a cancelled reply: on request, or because of a newer message or request."""

_CANCEL = load("reply_cancel", "session", "border", "entry", "replies", "owed", "event", "cancel")
_ENDED = load("reply_has_ended", "session", "border")


class Cancellation:
    """Cancels replies on request; every call may raise Unavailable.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def cancel(self, sid: str, reply_id: str) -> None:
        """Cancel a reply; does nothing if it has ended.

        A reply that is not active has ended if the session has its request, or its terminal event within the LOOKED_AT
        entries after the request's id.

        Args:
            sid: the session.
            reply_id: the reply.

        Raises:
            NotFound: the session has no such reply, or neither event was found.
        """
        request, shard = parse_id(request_of(reply_id)), self._shards.of(sid)
        if request is None or not (
            await cancel_reply(shard, sid, reply_id, cancellation(shard, sid, "cancelled"))
            or await self._has_ended(sid, reply_id, request)
        ):
            raise NotFound("The session has no such reply.", field="bd.reply_id")

    async def _has_ended(self, sid: str, reply_id: str, request: str) -> bool:
        """Whether a reply that is not active has existed; reads in pages, so that other commands are not delayed."""
        start = request
        for _ in range(LOOKED_AT // PAGE):
            found: str = await self._shards.of(sid).reads.run(
                _ENDED,
                [keys.stream(sid)],
                reply=reply_id,
                begins=start,
                count=PAGE,
                participant=MODEL_ROLE,
                request_event=LLMRequest.event,
            )
            if found in ("ended", "missing"):
                return found == "ended"
            start = f"({found}"
        return False


async def cancel_reply(
    shard: Shard, sid: str, reply_id: str, how: Mapping[str, Any], *, if_waiting: bool = False
) -> bool:
    """Cancel an active reply; whether it was active. Raises Unavailable.

    Args:
        shard: the session's server.
        sid: the session.
        reply_id: the reply.
        how: see `cancellation` and `ending_in`.
        if_waiting: only if no worker holds its lease.
    """
    cancelled, hints = await shard.pipeline.run(
        _CANCEL, [keys.stream(sid)], reply=reply_id, cancellation=how, if_waiting=if_waiting
    )
    shard.hints.post(sid, hints)
    return bool(cancelled)


def cancellation(shard: Shard, sid: str, reason: CancelReason) -> dict[str, Any]:
    """The field `cancellation` of a script.

    Args:
        shard: the server that holds the session.
        sid: the session.
        reason: the finish reason.
    """
    return ending_in(shard, sid, server.template(sid, LLMResponse.event, _response(reason)), keys.ENDED + reason)


def superseded_constants() -> dict[str, str]:
    """Constants of append.lua, which may supersede a reply: the same with places for the session and the time."""
    event = server.template("%s", LLMResponse.event, {}, timestamp="%s")
    return {
        "superseded_head": event["head"],
        "superseded_bd": to_json(_response("superseded")).decode(),
        "superseded_counter": f"{keys.ENDED}superseded",
        "model_role": MODEL_ROLE,
    }


def ending_in(shard: Shard, sid: str, terminal: dict[str, Any], counter: str) -> dict[str, Any]:
    """The field `cancellation` of a script, with another terminal event.

    Args:
        shard: the server that holds the session.
        sid: the session.
        terminal: the terminal event, see server.template; the script sets its ids, model and text.
        counter: the counter to increment.
    """
    return {
        "workers": shard.workers_channel,
        "channel": shard.channel(sid),
        "participant": MODEL_ROLE,
        "event": terminal,
        "counter": counter,
    }


@cache
def _response(reason: CancelReason) -> dict[str, Any]:
    """The `bd` of the terminal event, with empty ids, model and text."""
    blank = LLMResponse(reply_id="", request_id="", text="", finish_reason=reason, model="", usage=Usage())
    return blank.model_dump(exclude_none=True)
