"""The session's Redis Stream: one entry per stored event."""

import os
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from doqchat import tracing
from doqchat.errors import Conflict, RateLimited
from doqchat.limits.messages import MessageLimits
from doqchat.limits.requests import RequestLimits
from doqchat.protocol.events import ChatMessage, LLMRequest
from doqchat.protocol.frames import now
from doqchat.store import keys
from doqchat.store.append import append_script, run_append
from doqchat.store.cancellation import superseded_constants
from doqchat.store.counts import MESSAGES
from doqchat.store.moderation import refusal
from doqchat.store.older import Archive
from doqchat.store.reader import SessionReader
from doqchat.store.settings import DEFAULT_WAIT_SECONDS
from doqchat.store.shards import Shards

CLAIM_SECONDS = 24 * 60 * 60
ONCE_SECONDS = 60

DEBOUNCE_MS = int(DEFAULT_WAIT_SECONDS * 1000)
"""Default time without messages before an automatic reply, so that messages in quick succession get one reply."""

LONGEST_WAIT_CALLED_MS = 5_000
"""Maximum wait while people keep talking, if one of them has mentioned the assistant."""

LONGEST_WAIT_MS = 60_000
"""Maximum wait otherwise; long, so that the assistant does not interrupt people who talk or type."""

_CHAT_MESSAGES, _REQUESTS = MESSAGES + ChatMessage.event, MESSAGES + LLMRequest.event

Manner = Literal["", "said", "mentioned"]


@dataclass(frozen=True, slots=True)
class Appended:
    """The result of an append.

    Attributes:
        id: the entry's id.
        duplicate: whether it was stored before.
    """

    id: str
    duplicate: bool


class SessionStream(SessionReader):
    """Appends to the streams of all sessions, and reads them.

    Args:
        shards: the servers.
        requests: the limits on requests.
        messages: the limits on stored messages and requests.
        archive: the archive; None if all events stay in the store.
    """

    def __init__(
        self,
        shards: Shards,
        requests: RequestLimits | None = None,
        messages: MessageLimits | None = None,
        archive: Archive | None = None,
    ) -> None:
        super().__init__(shards, archive)
        self._requests, self._messages = requests or RequestLimits(), messages or MessageLimits()
        self._append = append_script(
            wait_ms=DEBOUNCE_MS,
            longest_wait_called_ms=LONGEST_WAIT_CALLED_MS,
            longest_wait_ms=LONGEST_WAIT_MS,
            **superseded_constants(),
            **self._requests.for_a_person(),
            **self._messages.fields(),
        )

    async def append(
        self,
        sid: str,
        participant: str,
        body: str,
        *,
        msg_id: str | None = None,
        digest: str = "",
        ask: str = "",
        person: str = "",
        manner: Manner = "",
        origin: str = "",
    ) -> Appended:
        """Atomically store an event, publish it to the session's group and record the requested reply.

        Args:
            sid: the session.
            participant: the role of the sender.
            body: the envelope as JSON.
            msg_id: the role's idempotency key; reusing it stores nothing.
            digest: a digest of the content, compared if the key was used before.
            ask: the alias of the requested model; empty for none.
            person: whose requests take turns with those of other people in the queue; empty if unknown.
            manner: `said` for a person's message and `mentioned` for one that mentions the assistant; then the
                session's policy decides whether it gets an automatic reply.
            origin: what the worker that answers the request shall know about where it comes from; empty for nothing.

        Raises:
            Conflict: the key was used for other content.
            SessionClosed, Muted: moderators do not allow it.
            RateLimited: it exceeds a limit.
            Unavailable: nothing is stored, now or later.
            Uncertain: it is unknown whether the event is stored.
        """
        if msg_id is None:
            digest = os.urandom(12).hex()  # not derived from state of the process, which a forked one would share
            claim, claim_seconds = keys.once(sid, digest), ONCE_SECONDS
        else:
            claim, claim_seconds = keys.claim(sid, participant, msg_id), CLAIM_SECONDS
        shard = self._shards.of(sid)
        if ask or manner:
            await shard.appends.ready()
            shard.hints.may_owe(sid)
        event = {
            "participant": participant,
            "body": body,
            "channel": shard.channel(sid),
            "digest": digest,
            "claim_seconds": claim_seconds,
            "llm": ask,
            "person": person,
            "manner": manner,
            "timestamp": now(),
            "workers": shard.workers_channel,
            "may_have_left": self._archive is not None,
        }
        if origin:
            event["origin"] = origin
        used = [keys.stream(sid), claim]
        began = monotonic()
        try:
            if tracing.is_on():
                with tracing.span("append", "client", {tracing.SESSION_ID: sid}):
                    event["traceparent"] = tracing.traceparent()
                    answer = await run_append(shard.appends, self._append, used, **event)
            else:
                answer = await run_append(shard.appends, self._append, used, **event)
            if answer[1] == "absent":
                await self.resume(sid)
                answer = await run_append(shard.appends, self._append, used, **event | {"may_have_left": False})
        finally:
            shard.counts.appends.observe(monotonic() - began)
        entry_id, outcome, rest = answer
        if outcome == "conflict":
            raise Conflict("This msg_id was used for another message; use a new one.", msg_id=msg_id)
        if not entry_id:
            raise refusal(outcome, int(rest), participant) or self._over_limit(outcome, int(rest), participant)
        shard.hints.post(sid, rest)
        duplicate = outcome == "duplicate" and msg_id is not None
        if not duplicate:
            shard.counts.count(_REQUESTS if ask else _CHAT_MESSAGES)
        return Appended(entry_id, duplicate)

    def _over_limit(self, limit: str, wait_ms: int, role: str) -> RateLimited:
        return (self._messages if limit in self._messages.fields() else self._requests).refusal(limit, wait_ms, role)

    async def knows(self, sid: str, role: str, msg_id: str) -> bool:
        """Whether a role has used this `msg_id` in the session; raises Unavailable."""
        return bool(await self._shards.of(sid).pipeline.execute("EXISTS", keys.claim(sid, role, msg_id)))
