"""The socket's AsyncAPI document: complete, and without a reference that leads nowhere."""

from collections.abc import Iterator
from typing import Any

import pytest

from doqchat.protocol import asyncapi, events
from doqchat.protocol.events import DURABLE, Body


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(reference: str) -> Any:
    """What a `$ref` points at."""
    found: Any = asyncapi.document("/v1/session/chat")
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def head(message: Any) -> Any:
    """The schema of a message's `hd`."""
    return resolve(resolve(message["payload"]["$ref"])["properties"]["hd"]["$ref"])


def schemas_in(schema: Any) -> Iterator[Any]:
    """A schema and all schemas in it that are no references."""
    if "$ref" not in schema:
        yield schema
        inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
        inner += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
        for each in inner:
            yield from schemas_in(each)


def test_every_schema_has_a_unique_title() -> None:
    components = asyncapi.document("/v1/session/chat")["components"]["schemas"]
    titles = [schema.get("title") for component in components.values() for schema in schemas_in(component)]
    assert all(titles)
    assert len(titles) == len(set(titles))


def test_what_clients_say_is_relayed_with_its_msg_id() -> None:
    messages = asyncapi.document("/v1/session/chat")["components"]["messages"]
    relayed = {
        message["name"]
        for key, message in messages.items()
        if key.startswith("server.") and "msg_id" in head(message)["properties"]
    }
    assert relayed == {"chat.message", "llm.request", "chat.typing", "chat.read"}


def test_every_reference_leads_somewhere() -> None:
    found = set(references(asyncapi.document("/v1/session/chat")))
    assert "#/components/schemas/Usage" in found
    assert all(resolve(reference) for reference in found)


@pytest.mark.parametrize("name", sorted(events.FROM_CLIENTS))
def test_what_clients_may_send_is_described(name: str) -> None:
    message = asyncapi.document("/v1/session/chat")["components"]["messages"][f"client.{name}"]
    assert message["name"] == name


def test_every_event_is_described() -> None:
    described = {
        message["name"] for message in asyncapi.document("/v1/session/chat")["components"]["messages"].values()
    }
    assert described == {body.event for body in Body.__subclasses__()}


def test_durable_events_have_their_place() -> None:
    messages = asyncapi.document("/v1/session/chat")["components"]["messages"]
    placed = {
        message["name"]
        for key, message in messages.items()
        if key.startswith("server.") and "prev" in head(message)["required"]
    }
    assert placed == events.DURABLE


def test_a_text_has_the_protocols_limits() -> None:
    text = resolve("#/components/schemas/ChatMessage")["properties"]["text"]
    assert (text["minLength"], text["maxLength"]) == (1, 8000)


def test_stored_events_have_an_id_and_what_precedes_them() -> None:
    messages = asyncapi.document("/v1/session/chat")["components"]["messages"]
    sent = {message["name"]: head(message) for key, message in messages.items() if key.startswith("server.")}
    for name in ("id", "prev"):
        assert {event for event, schema in sent.items() if name in schema["required"]} == DURABLE
        assert {event for event, schema in sent.items() if name in schema["properties"]} == DURABLE


def test_nested_schemas_are_named_after_their_fields() -> None:
    response = asyncapi.document("/v1/session/chat")["components"]["schemas"]["LLMResponse"]
    assert response["properties"]["finish_reason"]["title"] == "LLMResponseFinishReason"
