"""What people and the assistant may be called."""

from typing import Annotated
from unicodedata import category

from pydantic import Field, StringConstraints
from pydantic.functional_validators import AfterValidator

_JOINERS = "\u200c\u200d"
"""Invisible, but parts of Persian names and of many an emoji."""


def _name(value: str) -> str:
    """Nothing that ends or breaks the label in which the model is shown it, or that nobody can see."""
    for character in value:
        if character in "[]@" or (category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in _JOINERS):
            raise ValueError("a name has no brackets, no @ and no invisible characters")
    return value


_PATTERN = r"^[^\[\]@\u0000-\u001f\u007f-\u009f]*$"
"""What a JSON Schema can say of `_name`."""

Name = Annotated[
    str, StringConstraints(max_length=40), AfterValidator(_name), Field(json_schema_extra={"pattern": _PATTERN})
]
