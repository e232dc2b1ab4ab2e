"""What is set for one session: how the model behaves there, and what its people are called."""

import logging
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from doqchat.errors import Unreadable
from doqchat.protocol.person_names import Name
from doqchat.store import keys
from doqchat.store.early_end import early_end
from doqchat.store.script import load
from doqchat.store.shards import Shards

log = logging.getLogger(__name__)

_CHANGE = load("settings_change", "session", "entry", "replies", "filled", "interrupt")

DEFAULT_WAIT_SECONDS = 0.8


class SessionSettings(BaseModel):
    """The settings of a session; these are also the names of the fields in the store.

    Attributes:
        policy: what the model answers by itself: nothing (`off`), what mentions it (`mention`), everything.
        on_new_message: what a new request or message does to an automatic reply: let it finish, or supersede it.
        wait_seconds: how long nobody has to say anything, or type, before an automatic reply.
        llm: the alias of the model.
        system: instructions for the model, in addition to the site's.
        name_a, name_b, name_llm: what the people and the assistant are called; empty for their roles.
    """

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_serialization_defaults_required=True)

    policy: Literal["off", "mention", "always"] = "mention"
    on_new_message: Literal["finish", "supersede"] = "finish"
    wait_seconds: Annotated[float, Field(ge=0.3, le=30)] = DEFAULT_WAIT_SECONDS
    llm: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "default"
    system: Annotated[str, StringConstraints(max_length=8_000)] = ""
    name_a: Name = ""
    name_b: Name = ""
    name_llm: Name = ""


class Settings:
    """The settings of all sessions; every call may raise Unavailable.

    Args:
        shards: the servers.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def of(self, sid: str) -> SessionSettings:
        """The settings of a session; the default of each that is not set, or cannot be used as it is stored."""
        try:
            flat = await self._shards.of(sid).pipeline.execute("HGETALL", keys.settings(sid))
        except Unreadable:
            return SessionSettings()
        return _parsed(sid, flat)

    async def change(self, sid: str, changes: dict[str, str]) -> SessionSettings:
        """Change some settings; an empty value is the default.

        Policy `off` also ends an automatic reply under way, of which nothing is stored that it has said.
        """
        shard = self._shards.of(sid)
        withdrawn = early_end(shard, sid, "superseded")
        changed, hints = await shard.pipeline.run(_CHANGE, [keys.stream(sid)], early_end=withdrawn, changes=changes)
        shard.hints.post(sid, hints)
        return _parsed(sid, changed)


def _parsed(sid: str, flat: list[str]) -> SessionSettings:
    fields = zip(flat[::2], flat[1::2], strict=True)
    stored = {name: value for name, value in fields if name in SessionSettings.model_fields}
    try:
        return SessionSettings.model_validate_strings(stored)
    except ValidationError as error:
        unusable = {str(problem["loc"][0]) for problem in error.errors()}
        log.warning("Settings of session %s cannot be used: %s.", sid, ", ".join(sorted(unusable)))
        return SessionSettings.model_validate_strings({name: stored[name] for name in stored.keys() - unusable})
