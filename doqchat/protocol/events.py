"""The events as strict models of their `bd`; additional fields are kept unchanged."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.functional_validators import AfterValidator

from doqchat.protocol.ids import parse_id, parse_time
from doqchat.protocol.names import (
    ID_PATTERN,
    LONGEST_ALIAS,
    LONGEST_REASON,
    LONGEST_TOKEN,
    MAX_TEXT,
    MOMENT_PATTERN,
    MOST_PEOPLE,
    Capability,
    DisplayName,
    HumanRole,
    MemberRole,
)


def _moment(value: str) -> str:
    """Check a time and keep it unchanged."""
    parse_time(value)
    return value


def _entry_id(value: str) -> str:
    entry_id = parse_id(value)
    if entry_id is None:
        raise ValueError("not an event id such as 1700641234567-0")
    return entry_id


def _asking(value: str) -> str:
    if not value.strip():
        raise ValueError("this is only white space; ask something")
    return value


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("this must be one line without control characters")
    return value


Reason = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_REASON), AfterValidator(_one_line)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Prompt = Annotated[Text, AfterValidator(_asking), Field(json_schema_extra={"pattern": r"\S"})]
MESSAGE_ID_PATTERN = r"^[\x20-\x7e]{1,64}$"
MessageId = Annotated[str, StringConstraints(pattern=MESSAGE_ID_PATTERN)]
EntryId = Annotated[str, AfterValidator(_entry_id), Field(json_schema_extra={"pattern": f"^{ID_PATTERN}$"})]
Moment = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"pattern": f"^{MOMENT_PATTERN}$"})]
ReplyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]


FinishReason = Literal["stop", "length", "cancelled", "safety", "superseded"]


class Head(BaseModel):
    """The `hd` of an envelope as a client may send it."""

    model_config = ConfigDict(strict=True, extra="allow")

    event: str
    role: str | None = None
    name: DisplayName | None = None
    msg_id: MessageId | None = None
    timestamp: Moment | None = None


class Body(BaseModel):
    """The `bd` of one event."""

    model_config = ConfigDict(strict=True, extra="allow")

    event: ClassVar[str]
    durable: ClassVar[bool] = False


class ChatMessage(Body):
    event = "chat.message"
    durable = True
    text: Text


class LLMRequest(Body):
    event = "llm.request"
    durable = True
    prompt: Prompt
    llm: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ALIAS)] | None = None


class LLMCancel(Body):
    event = "llm.cancel"
    reply_id: ReplyId


class ChatTyping(Body):
    event = "chat.typing"
    active: bool


class ChatRead(Body):
    event = "chat.read"
    id: EntryId


class SessionSync(Body):
    event = "session.sync"
    since: EntryId


class Ping(Body):
    event = "ping"


class AuthRefresh(Body):
    event = "auth.refresh"
    token: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TOKEN)]


class LLMStreaming(Body):
    event = "llm.streaming"
    reply_id: str
    request_id: str
    attempt: int
    offset: int
    text: str


class Usage(BaseModel):
    """Tokens reported by the provider; None if it does not report them."""

    input_tokens: int | None = None
    output_tokens: int | None = None


Attempt = Annotated[
    Annotated[int, Field(ge=2)] | None,
    Field(description="The number of the attempt that ended the reply; omitted for the first."),
]


class LLMResponse(Body):
    event = "llm.response"
    durable = True
    reply_id: str
    request_id: str
    text: str
    finish_reason: FinishReason
    model: str
    usage: Usage
    first_piece_ms: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="Milliseconds from the request to the first chunk; omitted for none and for cancelled replies.",
    )
    attempt: Attempt = None


class LLMError(Body):
    event = "llm.error"
    durable = True
    reply_id: str
    request_id: str
    code: str
    message: str
    text: str
    attempt: Attempt = None


class SessionNotice(Body):
    event = "session.notice"
    durable = True
    code: str = Field(
        description="`unreadable`: the entry is not an envelope. `muted`, `unmuted`: a role. `reopened`: the session. "
        "`erased`: all that was said before. `held`, `released`: legal hold begins and ends. `exported`: a download by "
        "an administrator. `admin`: a text of a moderator, who is in `hd.name`."
    )
    text: str
    role: HumanRole | None = Field(None, description="With `muted` and `unmuted`: the role.")
    until: Moment | None = Field(None, description="With `muted`: when it ends; omitted for no end.")
    reason: Reason | None = None


class MessageRemoved(Body):
    event = "message.removed"
    durable = True
    id: EntryId = Field(description="The removed event; it stays as a placeholder with `hd.removed` and an empty text.")
    reason: Reason | None = None


class SessionClosed(Body):
    event = "session.closed"
    durable = True
    reason: Reason | None = None


Can = Annotated[list[Capability], Field(description="The capabilities of the caller, in alphabetical order.")]


class ReplyUnderWay(BaseModel):
    """One of welcome's `replies`: an unfinished reply with its text so far."""

    reply_id: str
    request_id: str
    attempt: int
    state: Literal["waiting", "streaming"]
    text: str


class Person(BaseModel):
    """A person in a session: the connections with one role, `sub` and name."""

    role: MemberRole
    name: str | None = Field(description="Null if it has none: then these are all nameless connections of the role.")
    person: str | None = Field(None, description="A pseudonym of its `sub`, as in its events; null without.")
    connections: int


class Gap(BaseModel):
    """The requested `since` and the oldest event that is still stored."""

    since: str
    oldest_id: str | None


_MEMBERS: Any = Field(description="The number of connections per role.")
_PEOPLE: Any = Field(description=f"The people with a connection, {MOST_PEOPLE} at most.")


class SessionWelcome(Body):
    event = "session.welcome"
    sid: str
    role: MemberRole
    name: str | None = Field(description="The name of this connection.")
    person: str | None = Field(description="The `hd.person` of this connection's events; null without a `sub`.")
    can: Can
    last_id: str
    members: dict[str, int] = _MEMBERS
    people: list[Person] = _PEOPLE
    read: dict[str, str]
    replies: list[ReplyUnderWay]
    settings: dict[str, Any] = Field(
        description="The session's settings, as in the OpenAPI document; `system` only for who may change them."
    )
    gap: Gap | None


class SettingsChanged(Body):
    """The settings that have changed, by name, with their new values; those of the OpenAPI document except `system`."""

    event = "session.settings"


class Presence(Body):
    event = "presence"
    members: dict[str, int] = _MEMBERS
    people: list[Person] = _PEOPLE


class ChatAck(Body):
    event = "chat.ack"
    msg_id: str
    id: str
    duplicate: bool


class AuthExpiring(Body):
    event = "auth.expiring"
    expires_in: int = Field(description="Seconds until the connection is closed.")


class AuthRefreshed(Body):
    event = "auth.refreshed"
    expires_in: int = Field(description="Seconds until the connection is closed.")
    can: Can


class Error(Body):
    event = "error"
    code: str
    message: str
    msg_id: str | None = None
    field: str | None = None
    filter: str | None = Field(None, description="With `rejected`: the name of the filter.")
    retry_after: int | None = None


class Pong(Body):
    event = "pong"


FROM_CLIENTS: dict[str, type[Body]] = {
    body.event: body
    for body in (ChatMessage, LLMRequest, LLMCancel, ChatTyping, ChatRead, SessionSync, AuthRefresh, Ping)
}
DURABLE: frozenset[str] = frozenset(
    body.event
    for body in (ChatMessage, LLMRequest, LLMResponse, LLMError, SessionNotice, MessageRemoved, SessionClosed)
)
