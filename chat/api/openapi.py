"""The OpenAPI schemas of bodies that the engine parses, and of path parameters."""

from typing import Annotated, Any, Literal

from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, field_validator, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from chat.access.invites import NewInvite
from chat.sids import has_a_page
from doqchat.protocol.events import ChatMessage, LLMRequest, MessageId, Moment, Reason
from doqchat.protocol.names import DEFAULT_ROLE, LONGEST_RETENTION, SID_PATTERN, DisplayName
from doqchat.store import revocations
from doqchat.store.settings import SessionSettings

MOST_INVITES_AT_ONCE = 20
LONGEST_MUTE = 366 * 24 * 3600

Sid = Annotated[str, WithJsonSchema({"type": "string", "pattern": SID_PATTERN, "description": "The session."})]


class _Head(BaseModel):
    """The `hd` of an envelope; additional fields are stored and delivered unchanged."""

    model_config = ConfigDict(extra="allow")

    role: Literal["A", "B", "user"] | None = Field(None, description=f"Who speaks; {DEFAULT_ROLE} if omitted.")
    name: DisplayName | None = Field(None, description="The speaker's name; with a token, the token's.")
    msg_id: MessageId | None = Field(None, description="Reusing it for the same role and content stores nothing.")
    timestamp: Moment | None = Field(None, description="RFC 3339; the server's time if omitted.")


class MessageHead(_Head):
    event: Literal["chat.message"]


class RequestHead(_Head):
    event: Literal["llm.request"]


class NewMessage(BaseModel):
    """A message."""

    hd: MessageHead
    bd: ChatMessage


class NewRequest(BaseModel):
    """A request to the model."""

    hd: RequestHead
    bd: LLMRequest


class SessionChanges(SessionSettings):
    """The settings to change. Omitted settings keep their values; `null` restores a default."""


class Revocation(BaseModel):
    """The tokens to revoke: exactly one of these."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1})

    jti: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(None, description="One token.")
    sub: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None, description="The tokens of one holder."
    )
    all: Literal[True] | None = Field(None, description="All of the session.")

    @model_validator(mode="after")
    def _one(self) -> "Revocation":
        if [self.jti, self.sub, self.all].count(None) != 2:
            raise ValueError("name one of jti, sub and all")
        return self

    def named(self) -> str:
        """What is revoked, in the engine's terms."""
        if self.jti is not None:
            return revocations.by_token(self.jti)
        return revocations.ALL if self.sub is None else revocations.by_subject(self.sub)


class Erasure(BaseModel):
    """What is erased: either one session or what one person has said."""

    model_config = ConfigDict(strict=True, extra="forbid")

    sid: Sid | None = Field(None, description="A session.")
    sub: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        None, description="A person, by the claim `sub` of their tokens, in all sessions."
    )
    replies: bool = Field(False, description="With `sub`: also erase the model's replies to this person.")
    dry_run: bool = Field(False, description="Only count what would be erased.")

    @model_validator(mode="after")
    def _one(self) -> "Erasure":
        if (self.sid is None) == (self.sub is None):
            raise ValueError("give either sid or sub")
        if self.replies and self.sub is None:
            raise ValueError("replies requires sub; a session is erased with its replies")
        return self


class Retention(BaseModel):
    """How long a session is kept."""

    model_config = ConfigDict(strict=True, extra="forbid")

    days: Annotated[int, Field(ge=1, le=LONGEST_RETENTION)] | None = Field(
        None, description="Days for which its events are kept; `null` for the site's setting."
    )
    hold: bool = Field(False, description="Legal hold: nothing is deleted or erased while it lasts.")


class Mute(BaseModel):
    """For how long a role is muted, and why."""

    model_config = ConfigDict(strict=True, extra="forbid")

    seconds: Annotated[int, Field(ge=1, le=LONGEST_MUTE)] | None = Field(
        None, description="Until it is unmuted if omitted."
    )
    reason: Reason | None = Field(None, description="One line for the members.")


class NewSession(BaseModel):
    """A session to create, with an invite for each of its people."""

    model_config = ConfigDict(strict=True, extra="forbid")

    sid: Annotated[str, StringConstraints(pattern=SID_PATTERN)] | None = Field(
        None, description="The session; a new name if omitted."
    )
    invites: list[NewInvite] = Field(
        default_factory=lambda: [NewInvite(role="A"), NewInvite(role="B")],
        min_length=1,
        max_length=MOST_INVITES_AT_ONCE,
        description="A single-use invite for each of A and B if omitted.",
    )

    @field_validator("sid")
    @classmethod
    def _has_a_page(cls, sid: str | None) -> str | None:
        if sid is not None and not has_a_page(sid):
            raise ValueError("browsers remove . and .. from URLs")
        return sid


class _WithoutDefaults(GenerateJsonSchema):
    """Remove defaults from the schema: a client that fills them in would change other settings."""

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def body(*models: type[BaseModel]) -> dict[str, Any]:
    """An operation's `openapi_extra` for a JSON body of one of these models."""
    refs = [{"$ref": REF_TEMPLATE.format(model=model.__name__)} for model in models]
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def add_bodies(document: OpenAPISchema) -> OpenAPISchema:
    """The document with the components that `body` refers to, and with what calls are authorized by."""
    _, schemas = models_json_schema(
        [
            (model, "validation")
            for model in (
                NewMessage,
                NewRequest,
                SessionChanges,
                Revocation,
                Mute,
                NewSession,
                NewInvite,
                Erasure,
                Retention,
            )
        ],
        ref_template=REF_TEMPLATE,
        schema_generator=_WithoutDefaults,
    )
    settings = schemas["$defs"]["SessionChanges"]["properties"]
    settings |= {name: {"anyOf": [setting, {"type": "null"}]} for name, setting in settings.items()}
    document["components"]["schemas"] |= schemas["$defs"]
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A token of a session (JWT), or an API key."}
    }
    document["security"] = [{"token": []}, {}]  # the second: open access needs none
    return document
