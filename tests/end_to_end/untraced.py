"""A program that serves without traces: writes whether they are on, and what was imported for them."""

import os
import sys

import config.asgi  # noqa: F401 - it starts tracing
from doqchat import tracing

ENDPOINT, TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
EXPORTER = "opentelemetry.exporter"  # redis-py imports other parts where they are installed
OFF = (
    {},
    {ENDPOINT: "", TRACES_ENDPOINT: " "},
    {ENDPOINT: "http://localhost:4318", "OTEL_SDK_DISABLED": "true"},
    {ENDPOINT: "http://localhost:4318", "OTEL_TRACES_EXPORTER": "none"},
)


def main() -> None:
    for environment in OFF:
        os.environ.update(environment)
        tracing.start()
        for name in environment:
            del os.environ[name]
    imported = [name for name in sys.modules if name == "doqchat.otel" or name.startswith(EXPORTER)]
    sys.stdout.write(f"{tracing.is_on()} {imported}\n")
    sys.modules["opentelemetry"] = None  # type: ignore[assignment]  # as if it were not installed
    os.environ[TRACES_ENDPOINT] = "http://localhost:4318/v1/traces"
    tracing.start()
    sys.stdout.write(f"{tracing.is_on()}\n")


if __name__ == "__main__":
    main()
