"""Whether acknowledged writes survive a crash of the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

DURABLE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
OLDEST = {"Redis": 7, "Valkey": 8}


class UnsupportedStoreError(Exception):
    """The server's version is too old."""


@dataclass(frozen=True)
class Durability:
    """The durability of a store, as its configuration describes it.

    Attributes:
        server: its name and version.
        weaknesses: settings with which acknowledged entries can be lost, as "name value"; None if the server does not
            permit CONFIG GET, like some managed ones.
        memory: maxmemory in bytes; None for no limit.
    """

    server: str
    weaknesses: tuple[str, ...] | None
    memory: int | None = None

    @property
    def durable(self) -> bool:
        """Whether the settings are known and lose nothing acknowledged."""
        return self.weaknesses == ()


async def durability(client: Redis) -> Durability:
    """Read the durability of a store.

    Args:
        client: a client that decodes responses.

    Raises:
        UnsupportedStoreError: the server is older than Redis 7 or Valkey 8.
        redis.RedisError: the server does not respond.
    """
    server = server_version(await client.info("server"))
    memory = (await client.info("memory")).get("maxmemory") or None
    try:
        settings = await client.config_get(*DURABLE)
    except ResponseError:  # CONFIG is renamed or not permitted
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
    """The settings that differ from DURABLE; None if one of them is missing from the reply.

    Without an append-only file, appendfsync has no effect and is omitted.
    """
    if not settings.keys() >= DURABLE.keys():
        return None
    short = [name for name, wanted in DURABLE.items() if settings[name] != wanted]
    if "appendonly" in short and "appendfsync" in short:
        short.remove("appendfsync")
    return tuple(f"{name} {settings[name]}" for name in short)
