"""A receiver of OpenTelemetry traces: OTLP over HTTP, in a thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from time import monotonic
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

WITHIN = 15.0


@dataclass(frozen=True)
class Received:
    """A span.

    Attributes:
        service: the name of the service that has sent it.
        name, kind: its name, and its kind as OpenTelemetry writes it.
        trace, id, parent: its ids in hexadecimal; an empty parent for none.
        began: when it began, in ns.
        failed: whether its status is an error.
        attributes: its attributes.
    """

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    began: int
    failed: bool
    attributes: dict[str, Any]


class Collector:
    """The spans that were received.

    Args:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._spans: list[Received] = []
        self._changed = Condition()

    def take(self, body: bytes) -> None:
        """Decode a request."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = _plain(resource.resource.attributes)["service.name"]
            spans = [_received(service, span) for scope in resource.scope_spans for span in scope.spans]
            with self._changed:
                self._spans += spans
                self._changed.notify_all()

    def of_session(self, sid: str, name: str, count: int = 1) -> list[Received]:
        """The spans of this name in a session, when there are so many."""
        return self._when(
            lambda: [
                span for span in self._spans if span.name == name and span.attributes.get("doqchat.session.id") == sid
            ],
            count,
        )

    def of_trace(self, trace: str, count: int) -> list[Received]:
        """The spans of a trace in their order, when there are so many."""
        return self._when(lambda: [span for span in self._spans if span.trace == trace], count)

    def _when(self, found: Callable[[], list[Received]], count: int) -> list[Received]:
        deadline = monotonic() + WITHIN
        with self._changed:
            while len(spans := found()) < count:
                assert self._changed.wait(deadline - monotonic()), f"received {spans}"
        return sorted(spans, key=lambda span: span.began)


@contextmanager
def collector() -> Iterator[Collector]:
    """A receiver to the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.collector = Collector(server.server_port)  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.collector  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        known = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
        if known:
            self.server.collector.take(body)  # type: ignore[attr-defined]
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Print nothing."""


def _received(service: str, span: Any) -> Received:
    return Received(
        service,
        span.name,
        Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.status.code == span.status.STATUS_CODE_ERROR,
        _plain(span.attributes),
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return [_value(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)
