"""Records spans with the OpenTelemetry SDK, and exports them by OTLP over HTTP. Only doqchat/tracing.py imports it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from doqchat.request_ids import request_id
from doqchat.tracing import Attribute, Kind

EXPORT_SECONDS = 2.0
"""Timeout of an export, unless the environment sets one. A process that ends waits for the last one."""

_KINDS = {"server": trace.SpanKind.SERVER, "client": trace.SpanKind.CLIENT, "consumer": trace.SpanKind.CONSUMER}
_W3C = TraceContextTextMapPropagator()


class _Span:
    """A span of the SDK."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def add(self, attributes: Mapping[str, Attribute]) -> None:
        self._span.set_attributes(attributes)

    def fail(self, error: str) -> None:
        self._span.set_attribute("error.type", error)
        self._span.set_status(trace.StatusCode.ERROR)


class Tracer:
    """Records spans with the provider of the process; without one it installs its own."""

    def __init__(self) -> None:
        if not isinstance(trace.get_tracer_provider(), TracerProvider):
            trace.set_tracer_provider(_provider())
        self._tracer = trace.get_tracer("doqchat")

    @contextmanager
    def span(
        self, name: str, kind: Kind, attributes: Mapping[str, Attribute], parent: str | None, *, current: bool
    ) -> Iterator[_Span]:
        """See `tracing.span`."""
        known = {"doqchat.x_request_id": request_id.get()} if request_id.get() else {}
        context = None if parent is None else _W3C.extract({"traceparent": parent}, Context())
        begun = self._tracer.start_span(name, context, _KINDS[kind], {**attributes, **known})
        span = _Span(begun)
        try:
            if current:
                with trace.use_span(begun, record_exception=False, set_status_on_exception=False):
                    yield span
            else:
                yield span
        except Exception as error:
            span.fail(getattr(error, "code", "") or type(error).__name__)
            raise
        finally:
            begun.end()

    def traceparent(self) -> str:
        """See `tracing.traceparent`."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent", "")


def _provider() -> TracerProvider:
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    provider = TracerProvider(resource=Resource.create({} if named else {"service.name": "doqchat"}))
    timed = "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ or "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" in os.environ
    exporter = OTLPSpanExporter(timeout=None if timed else EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
