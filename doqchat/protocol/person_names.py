"""Valid display names of people and the assistant."""

from typing import Annotated
from unicodedata import category

from pydantic import Field, StringConstraints
from pydantic.functional_validators import AfterValidator

_JOINERS = "\u200c\u200d"
"""Invisible, but used in Persian names and in emoji."""


def _name(value: str) -> str:
    """Reject characters that would break the speaker's label in the prompt, and invisible ones."""
    for character in value:
        if character in "[]@" or (category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in _JOINERS):
            raise ValueError("a name must not contain brackets, @ or invisible characters")
    return value


_PATTERN = r"^[^\[\]@\u0000-\u001f\u007f-\u009f]*$"
"""The part of `_name` that JSON Schema can express."""

Name = Annotated[
    str, StringConstraints(max_length=40), AfterValidator(_name), Field(json_schema_extra={"pattern": _PATTERN})
]
