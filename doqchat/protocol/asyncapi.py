"""The socket's AsyncAPI 3 document, generated from the models that validate frames."""

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from doqchat.protocol.events import (
    DURABLE,
    FROM_CLIENTS,
    MESSAGE_ID_PATTERN,
    AuthExpiring,
    AuthRefreshed,
    Body,
    ChatAck,
    ChatMessage,
    ChatRead,
    ChatTyping,
    Error,
    Head,
    LLMError,
    LLMRequest,
    LLMResponse,
    LLMStreaming,
    MessageRemoved,
    Pong,
    Presence,
    SessionClosed,
    SessionNotice,
    SessionWelcome,
    SettingsChanged,
)
from doqchat.protocol.names import (
    CLOSE_CODES,
    HUMAN_ROLES,
    ID_PATTERN,
    MAX_TEXT,
    MODEL_ROLE,
    OBSERVER,
    RESERVED_CLOSE_CODES,
    SID_PATTERN,
    DisplayName,
)

_Said = Annotated[str, Field(max_length=MAX_TEXT, description="Empty if it was removed: `hd.removed`.")]


class StoredMessage(ChatMessage):
    text: _Said


class StoredRequest(LLMRequest):
    prompt: _Said


FROM_SERVER: tuple[type[Body], ...] = (
    StoredMessage, StoredRequest, LLMStreaming, LLMResponse, LLMError, SessionNotice, MessageRemoved,
    SessionClosed, SessionWelcome, SettingsChanged, Presence,
    ChatTyping, ChatRead, ChatAck, AuthExpiring, AuthRefreshed, Error, Pong,
)  # fmt: skip

RELAYED: tuple[type[Body], ...] = (StoredMessage, StoredRequest, ChatTyping, ChatRead)
"""Client events that are relayed unchanged."""

REMOVABLE: tuple[type[Body], ...] = (StoredMessage, StoredRequest, LLMResponse, LLMError)

_SCHEMA = "#/components/schemas/"
_TEXT = {"type": "string"}
_ID = {"type": "string", "pattern": f"^{ID_PATTERN}$"}
_ROLES = {
    "HumanRole": {"type": "string", "enum": list(HUMAN_ROLES)},
    "Role": {"type": "string", "enum": [*HUMAN_ROLES, MODEL_ROLE]},
    "MemberRole": {"type": "string", "enum": [*HUMAN_ROLES, OBSERVER]},
}
_QUERY = {
    "sid": {"type": "string", "pattern": SID_PATTERN, "description": "The session."},
    "since": {**_ID, "description": "Replay every durable event after this id, then continue live; 0 for all."},
    "role": {**_ROLES["HumanRole"], "description": "The role of frames that name none."},
    "name": {
        **TypeAdapter(DisplayName).json_schema(),
        "description": "The name of frames in that role that have none; ignored with a token.",
    },
}

Schemas = dict[str, Any]


@cache
def document(address: str) -> dict[str, Any]:
    """The events of clients and the server in one document, which must not be modified. `address` is the socket's."""
    schemas = _bodies()
    messages = {f"client.{body.event}": _message("Client", body, schemas) for body in FROM_CLIENTS.values()}
    messages |= {f"server.{body.event}": _message("Server", body, schemas) for body in FROM_SERVER}
    query = {"type": "object", "required": ["sid"], "properties": _QUERY}
    channel = {
        "address": address,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"ws": {"query": _titled(query, "SessionQuery")}},
        "x-close-codes": CLOSE_CODES,
        "x-close-codes-reserved": RESERVED_CLOSE_CODES,
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "doqchat", "version": "1", "description": "The WebSocket of a session."},
        "defaultContentType": "application/json",
        "channels": {"session": channel},
        "operations": {
            "fromClients": _operation("receive", [name for name in messages if name.startswith("client.")]),
            "fromServer": _operation("send", [name for name in messages if name.startswith("server.")]),
        },
        "components": {
            "messages": messages,
            "schemas": {name: _titled(schema, name) for name, schema in schemas.items()},
        },
    }


def _bodies() -> Schemas:
    """The schemas of the roles and of each event's `bd`, by name."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation") for model in dict.fromkeys((*FROM_CLIENTS.values(), *FROM_SERVER))
    ]
    _, schemas = models_json_schema(models, ref_template=_SCHEMA + "{model}")
    bodies: Schemas = schemas["$defs"]
    return _ROLES | bodies


def _message(sender: str, body: type[Body], schemas: Schemas) -> dict[str, Any]:
    """A message; adds its payload and head to the schemas."""
    name = sender + FROM_CLIENTS.get(body.event, body).__name__
    schemas[f"{name}Head"] = _client_head(body) if sender == "Client" else _server_head(body)
    refs = {"hd": {"$ref": f"{_SCHEMA}{name}Head"}, "bd": {"$ref": _SCHEMA + body.__name__}}
    schemas[name] = {"type": "object", "required": ["hd", "bd"], "properties": refs}
    return {"name": body.event, "payload": {"$ref": _SCHEMA + name}}


def _client_head(body: type[Body]) -> dict[str, Any]:
    head = Head.model_json_schema()
    head["properties"] |= {"event": {"const": body.event}, "role": {"$ref": _SCHEMA + "HumanRole"}}
    return head


def _server_head(body: type[Body]) -> dict[str, Any]:
    """The `hd` of the server's frames; relayed events keep the client's `msg_id` and additional fields."""
    durable, relayed = body.event in DURABLE, body in RELAYED
    always = ["event", "id", "prev"] if durable else ["event"]
    if body is not SessionNotice:  # entries written by other programs may lack these
        always += ["sid", "timestamp", "role"] if durable or relayed else ["sid", "timestamp"]
    known: Schemas = dict.fromkeys(("id", "prev"), _ID) if durable else {}
    role = {"$ref": _SCHEMA + ("MemberRole" if body is SettingsChanged else "Role")}
    known |= {"event": {"const": body.event}, "sid": _TEXT, "timestamp": _TEXT, "role": role}
    known |= {"removed": {"const": True}} if body in REMOVABLE else {}
    known |= {"msg_id": {"type": "string", "pattern": MESSAGE_ID_PATTERN}} if relayed else {}
    return {"type": "object", "required": always, "properties": known}


def _titled(schema: dict[str, Any], title: str) -> dict[str, Any]:
    """The schema with a title for it and each nested schema; generators use these as the names of types."""
    if "$ref" in schema:
        return schema
    titled = {**schema, "title": title}
    if "properties" in schema:
        inner = schema["properties"].items()
        titled["properties"] = {name: _titled(field, title + _pascal(name)) for name, field in inner}
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            titled[name] = _titled(schema[name], title + _pascal(name))
    if "anyOf" in schema:
        titled["anyOf"] = [_titled(kind, title + _pascal(kind.get("type", ""))) for kind in schema["anyOf"]]
    return titled


def _pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _operation(action: str, messages: list[str]) -> dict[str, Any]:
    refs = [{"$ref": f"#/channels/session/messages/{name}"} for name in messages]
    return {"action": action, "channel": {"$ref": "#/channels/session"}, "messages": refs}
