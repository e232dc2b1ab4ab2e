"""The Lua scripts of this folder, run by digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from msgpack import packb
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

_FOLDER = Path(__file__).parent / "scripts"

_FIELDS = "local given = cmsgpack.unpack(ARGV[1])"
"""Arguments have names in the scripts: they travel as one msgpack map."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the digest that the store knows it by once it was loaded."""

    text: str
    digest: str

    def call(self, keys: Sequence[str], **given: Any) -> tuple[str | int | bytes, ...]:
        """What follows the script in EVALSHA and EVAL: its keys, and the fields that it finds in `given`."""
        return len(keys), *keys, packb(given)

    async def __call__(self, client: Redis, keys: Sequence[str], **given: Any) -> Any:
        """Run it on a client; loads it when the store does not know it (yet, or after a restart)."""
        call = self.call(keys, **given)
        try:
            return await client.execute_command("EVALSHA", self.digest, *call)
        except NoScriptError:
            return await client.execute_command("EVAL", self.text, *call)


def load(name: str, *parts: str) -> Script:
    """The script in `scripts/{name}.lua`, behind the functions in `scripts/parts/` that it names.

    Its first line says what the store lets it do, which it checks before it runs it: `#!lua flags=no-writes` may run
    whenever the store can be read, `flags=allow-oom` also when its memory is full, and `#!lua` only when it takes
    writes. https://valkey.io/topics/lua-api/#script-flags
    """
    own = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    flags, _, rest = own.partition("\n") if own.startswith("#!") else ("", "", own)
    text = "\n".join(
        [flags, _FIELDS, *((_FOLDER / "parts" / f"{part}.lua").read_text(encoding="utf-8") for part in parts), rest]
    )
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
