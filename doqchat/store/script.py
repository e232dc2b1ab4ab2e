"""Loads the Lua scripts and runs them by digest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from msgpack import packb
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

_FOLDER = Path(__file__).parent / "scripts"


@dataclass(frozen=True, slots=True)
class Script:
    """A script and its SHA-1 digest."""

    text: str
    digest: str

    def call(self, keys: Sequence[str], **given: Any) -> tuple[str | int | bytes, ...]:
        """The arguments after the script in EVALSHA and EVAL: its keys, and the fields of `given`."""
        return len(keys), *keys, packb(given)

    async def __call__(self, client: Redis, keys: Sequence[str], **given: Any) -> Any:
        """Run the script on a client; loads it if the store does not have it."""
        call = self.call(keys, **given)
        try:
            return await client.execute_command("EVALSHA", self.digest, *call)
        except NoScriptError:
            return await client.execute_command("EVAL", self.text, *call)


def load(name: str, *parts: str, constants: Mapping[str, int | str] | None = None) -> Script:
    """The script `scripts/{name}.lua`, preceded by `prologue` and other parts from `scripts/parts/`.

    The store checks the flags in its first line before it runs the script: one with `#!lua flags=no-writes` runs
    whenever the store can be read, one with `flags=allow-oom` also when its memory is full, and one with `#!lua` only
    when it accepts writes. https://valkey.io/topics/lua-api/#script-flags

    Args:
        name: the script.
        parts: the parts that it uses.
        constants: values that are the same in every call: `constants` in the script, instead of an argument.
    """
    flags, _, rest = _read(name).partition("\n")
    known = ", ".join(f"{key} = {_lua(value)}" for key, value in (constants or {}).items())
    text = "\n".join(
        [flags, f"local constants = {{{known}}}", *(_read(f"parts/{part}") for part in ("prologue", *parts)), rest]
    )
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def _lua(value: int | str) -> str:
    """A literal; the texts are without control characters."""
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
