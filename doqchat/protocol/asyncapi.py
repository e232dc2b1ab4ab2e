"""The socket's AsyncAPI 3 document, made from the models that frames are checked with."""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from doqchat.protocol.events import (
    DURABLE,
    FROM_CLIENTS,
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
    Pong,
    Presence,
    SessionNotice,
    SessionWelcome,
)
from doqchat.protocol.names import HUMAN_ROLES

FROM_SERVER: tuple[type[Body], ...] = (
    ChatMessage, LLMRequest, LLMStreaming, LLMResponse, LLMError, SessionNotice, SessionWelcome, Presence,
    ChatTyping, ChatRead, ChatAck, Error, Pong,
)  # fmt: skip

_SCHEMA = "#/components/schemas/"
_TEXT = {"type": "string"}
_QUERY = {
    "sid": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$", "description": "The session."},
    "since": {"type": "string", "description": "Replay every durable event after this id, then go live; 0 for all."},
    "role": {"enum": list(HUMAN_ROLES), "description": "Who speaks where a frame does not say."},
}


@cache
def document(address: str) -> dict[str, Any]:
    """What clients send and what the server sends, as one document; not to be changed. `address` is the socket's."""
    clients, server = list(FROM_CLIENTS.values()), list(FROM_SERVER)
    models: list[type[BaseModel]] = [Head, *dict.fromkeys(clients + server)]
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_SCHEMA + "{model}")
    messages = {f"client.{body.event}": _message(body, _from_client(body)) for body in clients}
    messages |= {f"server.{body.event}": _message(body, _from_server(body)) for body in server}
    channel = {
        "address": address,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"ws": {"query": {"type": "object", "required": ["sid"], "properties": _QUERY}}},
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
        "components": {"messages": messages, "schemas": schemas["$defs"]},
    }


def _message(body: type[Body], hd: dict[str, Any]) -> dict[str, Any]:
    properties = {"hd": hd, "bd": {"$ref": _SCHEMA + body.__name__}}
    return {"name": body.event, "payload": {"type": "object", "required": ["hd", "bd"], "properties": properties}}


def _from_client(body: type[Body]) -> dict[str, Any]:
    return {"allOf": [{"$ref": _SCHEMA + "Head"}, {"properties": {"event": {"const": body.event}}}]}


def _from_server(body: type[Body]) -> dict[str, Any]:
    always = ["event", "sid", "timestamp"] + (["role", "id", "prev"] if body.event in DURABLE else [])
    names = dict.fromkeys(always, _TEXT) | {"role": _TEXT, "event": {"const": body.event}}
    return {"type": "object", "required": always, "properties": names}


def _operation(action: str, messages: list[str]) -> dict[str, Any]:
    refs = [{"$ref": f"#/channels/session/messages/{name}"} for name in messages]
    return {"action": action, "channel": {"$ref": "#/channels/session"}, "messages": refs}
