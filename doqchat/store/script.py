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
    """The script in `scripts/{name}.lua`, behind the functions in `scripts/parts/` that it names."""
    files = [*(_FOLDER / "parts" / f"{part}.lua" for part in parts), _FOLDER / f"{name}.lua"]
    text = "\n".join(file.read_text() for file in files)
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
