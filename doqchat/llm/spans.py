"""The spans of calls to providers, by OpenTelemetry's conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from doqchat import tracing
from doqchat.llm.answers import Finish

if TYPE_CHECKING:
    from doqchat.llm.base import LLM


def provider_call(llm: "LLM") -> AbstractContextManager[tracing.Span]:
    """The span of one request to a model's provider. It may be held across the steps of a generator."""
    attributes: dict[str, tracing.Attribute] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": llm.provider,
        "gen_ai.request.model": llm.model,
        "gen_ai.output.type": "text",
    }
    if host := urlsplit(getattr(llm.options, "BASE_URL", "")).hostname:
        attributes["server.address"] = host
    return tracing.span(f"chat {llm.model}", "client", attributes, current=False)


def attributes_of(finish: Finish) -> dict[str, tracing.Attribute]:
    """The attributes of an answer; without the tokens that the provider does not report."""
    attributes: dict[str, tracing.Attribute] = {
        "gen_ai.response.model": finish.model,
        "gen_ai.response.finish_reasons": [finish.reason],
    }
    for name, tokens in (("input", finish.input_tokens), ("output", finish.output_tokens)):
        if tokens is not None:
            attributes[f"gen_ai.usage.{name}_tokens"] = tokens
    return attributes
