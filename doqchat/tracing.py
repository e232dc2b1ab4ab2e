"""Traces of messages and replies, with OpenTelemetry (the extra `otel`).

They are off unless its standard variables name an endpoint. While they are off nothing of it is imported, and a message
pays for three comparisons. Spans have ids, counts and names of models, no texts.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal, Protocol

from doqchat.request_ids import is_request_id, new_request_id, request_id

if TYPE_CHECKING:
    from doqchat.otel import Tracer

log = logging.getLogger(__name__)

Kind = Literal["server", "client", "consumer"]
"""The span's relation to other processes: https://opentelemetry.io/docs/specs/otel/trace/api/#spankind"""

Attribute = str | int | list[str]

SESSION_ID, EVENT_ID = "doqchat.session.id", "doqchat.event.id"
REPLY_ID, ATTEMPT = "doqchat.reply.id", "doqchat.reply.attempt"
"""Attributes of spans."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

_tracer: "Tracer | None" = None


class Span(Protocol):
    """A span that has begun."""

    def add(self, attributes: Mapping[str, Attribute]) -> None:
        """Add attributes."""

    def fail(self, error: str) -> None:
        """Mark it as failed, with a code or the name of an exception."""


class _NoSpan:
    """The span while tracing is off."""

    def add(self, attributes: Mapping[str, Attribute]) -> None:
        pass

    def fail(self, error: str) -> None:
        pass


_NO_SPAN = nullcontext(_NoSpan())


def start() -> None:
    """Turn tracing on, if the environment names an endpoint. Call it in processes that serve."""
    global _tracer
    if _tracer is not None or not _is_configured():
        return
    try:
        from doqchat.otel import Tracer
    except ImportError:
        log.warning("%s is set, but OpenTelemetry is not installed: there are no traces.", _named())
    else:
        _tracer = Tracer()


def is_on() -> bool:
    """Whether spans are recorded; for callers that run once per message."""
    return _tracer is not None


def span(
    name: str, kind: Kind, attributes: Mapping[str, Attribute], *, parent: str | None = None, current: bool = True
) -> AbstractContextManager[Span]:
    """A span for the duration of a block; an exception marks it as failed. Does nothing while tracing is off.

    Args:
        name: what happens, without ids.
        kind: its kind.
        attributes: its attributes.
        parent: the `traceparent` of the span that it belongs to; empty for none, None for the current one.
        current: whether spans inside the block belong to it. Blocks that yield cannot.
    """
    return _NO_SPAN if _tracer is None else _tracer.span(name, kind, attributes, parent, current=current)


def traceparent() -> str:
    """The current span as a W3C traceparent; empty if there is none."""
    return "" if _tracer is None else _tracer.traceparent()


def origin() -> str:
    """What a worker needs to continue the log and the trace of the current request."""
    return f"{request_id.get()} {traceparent()}".rstrip()


def resume(origin: str) -> str:
    """Continue the log of a request, or begin one if there is none; returns the traceparent of its trace."""
    known, _, parent = origin.partition(" ")
    request_id.set(known if is_request_id(known) else new_request_id())
    return parent


def _is_configured() -> bool:
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    return bool(_named()) and not off


def _named() -> str:
    """The variable that names the endpoint; empty if none does."""
    return next((name for name in _ENDPOINTS if os.environ.get(name, "").strip()), "")
