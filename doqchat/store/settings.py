"""Settings of a session: the behaviour of the model, the title, and display names."""

import logging
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from doqchat.errors import Unreadable
from doqchat.protocol.names import DisplayName, Title
from doqchat.store import keys
from doqchat.store.cancellation import cancellation
from doqchat.store.clients import pairs
from doqchat.store.script import load
from doqchat.store.shards import Shards

log = logging.getLogger(__name__)

_CHANGE = load("settings_change", "session", "border", "entry", "replies", "event", "cancel")

DEFAULT_WAIT_SECONDS = 0.8


class SessionSettings(BaseModel):
    """The settings of a session; the store uses the same field names.

    Attributes:
        policy: which messages get an automatic reply: none (`off`), mentions (`mention`) or all (`always`).
        on_new_message: whether a new request or message lets a running automatic reply finish, or supersedes it.
        wait_seconds: seconds without messages or typing before an automatic reply.
        llm: the alias of the model.
        system: instructions for the model, in addition to the site's.
        title: the session's title; empty for its sid.
        name_a, name_b, name_llm: display names of the people and the assistant; empty for their roles.
    """

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_serialization_defaults_required=True)

    policy: Literal["off", "mention", "always"] = "mention"
    on_new_message: Literal["finish", "supersede"] = "finish"
    wait_seconds: Annotated[float, Field(ge=0.3, le=30)] = DEFAULT_WAIT_SECONDS
    llm: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "default"
    system: Annotated[str, StringConstraints(max_length=8_000)] = ""
    title: Title = ""
    name_a: DisplayName = ""
    name_b: DisplayName = ""
    name_llm: DisplayName = ""

    @property
    def names(self) -> dict[str, str]:
        """The display names by role; empty for none."""
        return {"A": self.name_a, "B": self.name_b, "llm": self.name_llm}

    def visible(self, *, configure: bool) -> dict[str, Any]:
        """The settings for a member; its instructions only if it may change them."""
        return self.model_dump(mode="json", exclude=None if configure else {"system"})


class Settings:
    """The settings of all sessions; every call may raise Unavailable.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def of(self, sid: str) -> SessionSettings:
        """The settings of a session; defaults for those that are missing or invalid in the store."""
        try:
            flat = await self._shards.of(sid).pipeline.execute("HGETALL", keys.settings(sid))
        except Unreadable:
            return SessionSettings()
        return parsed_settings(sid, flat)

    async def change(self, sid: str, changes: dict[str, str]) -> SessionSettings:
        """Change settings; an empty value resets one to its default.

        Policy `off` also ends active automatic replies and discards their text.
        """
        shard = self._shards.of(sid)
        superseding = cancellation(shard, sid, "superseded")
        changed, hints = await shard.pipeline.run(
            _CHANGE, [keys.stream(sid)], cancellation=superseding, changes=changes
        )
        shard.hints.post(sid, hints)
        return parsed_settings(sid, changed)


def parsed_settings(sid: str, flat: list[str]) -> SessionSettings:
    """Settings from the hash of a session; defaults for those that are missing or invalid."""
    stored = {name: value for name, value in pairs(flat) if name in SessionSettings.model_fields}
    try:
        return SessionSettings.model_validate_strings(stored)
    except ValidationError as error:
        unusable = {str(problem["loc"][0]) for problem in error.errors()}
        log.warning("Ignored invalid settings of session %s: %s.", sid, ", ".join(sorted(unusable)))
        return SessionSettings.model_validate_strings({name: stored[name] for name in stored.keys() - unusable})
