"""The Lua scripts of this folder, run by digest."""

from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

_FOLDER = Path(__file__).parent / "scripts"


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the digest that the store knows it by once it was loaded."""

    text: str
    digest: str

    async def __call__(self, client: Redis, keys: list[str], *arguments: str | int | float) -> Any:
        """Run it on a client; loads it when the store does not know it (yet, or after a restart)."""
        call = (len(keys), *keys, *arguments)
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
        [flags, *((_FOLDER / "parts" / f"{part}.lua").read_text(encoding="utf-8") for part in parts), rest]
    )
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
