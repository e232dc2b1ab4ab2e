"""Validates the LLMS setting at startup, before the first request fails."""

from collections.abc import Iterator
from inspect import isabstract
from typing import Any

from django.utils.module_loading import import_string
from pydantic import ValidationError

from doqchat.llm.base import LLM
from doqchat.protocol.names import LONGEST_ALIAS

Problem = tuple[str, str, str]


def problems(llms_settings: Any) -> list[Problem]:
    """All errors in an LLMS setting: triples of alias, one sentence, and a hint how to fix it."""
    if not isinstance(llms_settings, dict):
        return [("default", "LLMS is not a dictionary.", "Give it one entry per model, shaped like CACHES.")]
    found: list[Problem] = []
    if "default" not in llms_settings:
        found.append(("default", "LLMS has no model 'default'.", "Add the one that answers by default."))
    for alias, entry in llms_settings.items():
        if not _is_alias(alias):
            hint = f"Use a string of 1 to {LONGEST_ALIAS} printable characters without braces."
            found.append((str(alias), f"LLMS has an invalid alias, {alias!r}.", hint))
        else:
            found.extend(entry_problems(alias, entry))
    return found


def _is_alias(alias: Any) -> bool:
    """Whether an alias is valid. Braces would change the hash slot of its queue in a cluster."""
    known = isinstance(alias, str) and 1 <= len(alias) <= LONGEST_ALIAS
    return known and alias.isprintable() and not {"{", "}"} & set(alias)


def entry_problems(alias: str, entry: Any) -> list[Problem]:
    """The errors in one entry of LLMS."""
    return [(alias, f"LLMS[{alias!r}] {what}.", hint) for what, hint in _faults(entry)]


def _faults(entry: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(entry, dict) or not isinstance(entry.get("BACKEND"), str):
        yield "names no BACKEND", "Give the dotted path of a class, such as doqchat.llm.demo.DemoLLM."
        return
    try:
        backend = import_string(entry["BACKEND"])
    except Exception as error:  # ImportError, or any exception that the imported module raises
        hint = f"It cannot be imported: {type(error).__name__}: {error}."
        yield f"has an unknown BACKEND, {entry['BACKEND']!r}", hint
        return
    if not (isinstance(backend, type) and issubclass(backend, LLM)) or isabstract(backend):
        yield (
            f"has a BACKEND that is not a model, {entry['BACKEND']!r}",
            "Give a subclass of doqchat.llm.base.LLM.",
        )
        return
    yield from _option_faults(backend, {name: value for name, value in entry.items() if name != "BACKEND"})


def _option_faults(backend: type[LLM], options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Validate the given options against the backend's; errors never contain a value, because it may be a key."""
    try:
        checked = backend.options_model.model_validate(options)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False, include_context=False):
            name = ".".join(str(part) for part in fault["loc"])
            if fault["type"] == "extra_forbidden":
                yield (
                    f"has an unknown option {name}",
                    f"It takes {', '.join(backend.options_model.model_fields)}.",
                )
            else:
                yield f"has an invalid option {name}", f"{fault['msg']}."
        return
    for name in checked.missing():
        yield f"has no {name}", backend.key_hint
