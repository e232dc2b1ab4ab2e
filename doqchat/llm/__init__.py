"""`llms[alias]`: the models that LLMS of the setting DOQCHAT names, shaped like Django's CACHES.

DOQCHAT = {"LLMS": {"default": {"BACKEND": "doqchat.llm.google_genai.GoogleGenAI", "MODEL": …, "API_KEY": …}}}

from doqchat.llm import llms
reply = await llms["default"].generate(prompt="안녕")
"""

from collections.abc import Iterator
from threading import Lock
from typing import Any

from django.utils.module_loading import import_string

from doqchat.conf import doqchat_settings
from doqchat.llm.base import LLM, LLMError, UnknownLLM
from doqchat.llm.checks import entry_problems

__all__ = ["LLM", "LLMError", "UnknownLLM", "llms"]


class LLMHandler:
    """A mapping from alias to model; models are created on first access and shared by all threads."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[dict[str, Any], LLM]] = {}
        self._lock = Lock()

    def __getitem__(self, alias: str) -> LLM:
        """The model of that alias.

        Raises UnknownLLM if LLMS has none, LLMError `not_configured` if its entry is invalid.
        """
        if alias not in self:
            raise UnknownLLM(self.unknown(alias))
        entry: dict[str, Any] = doqchat_settings().llms[alias]
        with self._lock:
            made = self._made.get(alias)
            if made is None or made[0] != entry:  # a test may have changed the setting
                model = _make(alias, entry)
                made = self._made[alias] = (dict(entry), model)
            return made[1]

    def __contains__(self, alias: object) -> bool:
        return alias in doqchat_settings().llms

    def __iter__(self) -> Iterator[str]:
        return iter(doqchat_settings().llms)

    def unknown(self, alias: str) -> str:
        """The message for an alias that LLMS does not have."""
        return f"There is no model {alias!r}; there are {', '.join(sorted(self)) or 'none'}."


def _make(alias: str, entry: dict[str, Any]) -> LLM:
    """The model that the settings entry describes."""
    for _alias, sentence, hint in entry_problems(alias, entry):
        raise LLMError("not_configured", detail=f"{sentence} {hint}")
    backend: type[LLM] = import_string(entry["BACKEND"])
    return backend(alias, {name: value for name, value in entry.items() if name != "BACKEND"})


llms = LLMHandler()
