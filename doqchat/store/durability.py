"""Whether what a store acknowledges survives a crash of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

DURABLE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
OLDEST = {"Redis": 7, "Valkey": 8}


class UnsupportedStoreError(Exception):
    """The server is too old for the commands and the guarantees doqchat relies on."""


@dataclass(frozen=True)
class Durability:
    """What a store says of itself.

    `server` is its name and version. `weaknesses` are the settings under which acknowledged entries can be lost, as
    "name value"; None when the server does not tell, as managed ones may. `memory` is the limit of its memory in bytes;
    None for one without.
    """

    server: str
    weaknesses: tuple[str, ...] | None
    memory: int | None = None

    @property
    def durable(self) -> bool:
        """True only when the server says that nothing acknowledged can be lost."""
        return self.weaknesses == ()


async def durability(client: Redis) -> Durability:
    """Ask a store, through a client that decodes what it receives.

    Raises UnsupportedStoreError when it is older than Redis 7 or Valkey 8, redis.RedisError when it does not answer.
    """
    server = server_version(await client.info("server"))
    memory = (await client.info("memory")).get("maxmemory") or None
    try:
        settings = await client.config_get(*DURABLE)
    except ResponseError:  # CONFIG is renamed or forbidden
        return Durability(server, None, memory)
    return Durability(server, weaknesses({str(name): str(value) for name, value in settings.items()}), memory)


def server_version(info: Mapping[str, Any]) -> str:
    """The name and version in the reply to INFO server. Raises UnsupportedStoreError."""
    name = "Valkey" if info.get("server_name") == "valkey" else "Redis"
    version = str(info.get("valkey_version") or info.get("redis_version", "0"))
    if int(version.partition(".")[0]) < OLDEST[name]:
        raise UnsupportedStoreError(f"{name} {version}")
    return f"{name} {version}"


def weaknesses(settings: Mapping[str, str]) -> tuple[str, ...] | None:
    """The settings that fall short of DURABLE; None when one of them is missing from the reply.

    Without an append-only file how it is synced does not matter, so that one is then left out.
    """
    if not settings.keys() >= DURABLE.keys():
        return None
    short = [name for name, wanted in DURABLE.items() if settings[name] != wanted]
    if "appendonly" in short and "appendfsync" in short:
        short.remove("appendfsync")
    return tuple(f"{name} {settings[name]}" for name in short)
