"""The parameters of HTTP calls that select events."""

from typing import Annotated

from ninja import Field, Schema
from pydantic import AfterValidator, WithJsonSchema

from doqchat.protocol.events import DURABLE
from doqchat.protocol.ids import BEGINNING, POSITION_PATTERN, lower_bound, upper_bound
from doqchat.protocol.names import Role

NAMES = sorted(DURABLE)


def _durable(event: str) -> str:
    if event not in DURABLE:
        raise ValueError(f"not a stored event; there are {', '.join(NAMES)}")
    return event


class EventFilters(Schema):
    """Which events."""

    participant: Role | None = Field(None, description="Only events of this role.")
    event: Annotated[str, AfterValidator(_durable), WithJsonSchema({"type": "string", "enum": NAMES})] | None = Field(
        None, description="Only events of this name."
    )
    after: Annotated[str, AfterValidator(lower_bound)] = Field(
        BEGINNING,
        json_schema_extra={"pattern": POSITION_PATTERN},
        description="Only events after this event id, or stored at or after this RFC 3339 time.",
    )
    before: (
        Annotated[str, AfterValidator(upper_bound), Field(json_schema_extra={"pattern": POSITION_PATTERN})] | None
    ) = Field(None, description="Only events before this event id, or stored before this RFC 3339 time.")
