"""The startup report: the addresses of the stores, their durability and memory limit, and the configured models."""

import asyncio
from collections.abc import Callable

from redis.exceptions import RedisError

from doqchat.conf import access_mode, doqchat_settings
from doqchat.serving import StartError
from doqchat.store.clients import commands, place
from doqchat.store.durability import Durability, UnsupportedStoreError, durability

POLL = 0.05
PATIENCE_SECONDS = 5.0
"""How long a separately started process waits for the store's description; it serves in any case."""


async def say_what_is_used(say: Callable[[str], None]) -> None:
    """Report the stores and the models as `manage.py doqchat_up` does, or that a store does not respond."""
    say(models())
    say(access())
    for url in doqchat_settings().store_urls:
        try:
            say(report(place(url), await answering(url, PATIENCE_SECONDS)))
        except StartError as problem:
            say(str(problem))


def models() -> str:
    """One line with the alias and the name of each model."""
    entries = doqchat_settings().llms.items()
    named = (f"{alias} ({entry['MODEL']})" if entry.get("MODEL") else alias for alias, entry in entries)
    return f"모델 / models: {', '.join(named)}."


def access() -> str:
    """One line: who may join a session."""
    if access_mode() == "open":
        return "접근 / access: 세션 이름을 아는 모든 사람 / everyone who knows a session's name (open)."
    return "접근 / access: 토큰을 가진 사람 / holders of tokens (token)."


async def answering(url: str, within: float | None) -> Durability:
    """Describe the store as soon as it responds; `within` is in seconds, None waits forever.

    Raises StartError if it does not respond in time or is too old.
    """
    last = "no answer"
    try:
        async with asyncio.timeout(within), commands(url) as client:
            while True:
                try:
                    await client.ping()
                    return await durability(client)
                except (RedisError, OSError) as error:
                    last = str(error)
                await asyncio.sleep(POLL)
    except TimeoutError as error:
        raise StartError(
            f"저장소({place(url)})가 응답하지 않습니다({last}). DOQCHAT_REDIS_URL을 확인하세요. / "
            f"The store at {place(url)} does not answer ({last}): check DOQCHAT_REDIS_URL."
        ) from error
    except UnsupportedStoreError as error:
        raise StartError(
            f"저장소({place(url)})의 버전이 너무 낮습니다({error}). Redis 7이나 Valkey 8 이상을 쓰세요. / "
            f"The store at {place(url)} is {error}: use Redis 7 or Valkey 8 or later."
        ) from error


def report(where: str, found: Durability) -> str:
    """One line with the store's address, its durability and its memory limit."""
    if found.weaknesses is None:
        ko, en = "지속성 설정을 확인할 수 없습니다", "its durability could not be checked"
    elif found.durable:
        ko, en = "저장된 내용은 장애가 나도 남습니다", "what it acknowledges survives a crash"
    else:
        settings = ", ".join(found.weaknesses)
        ko, en = f"장애가 나면 저장된 내용을 잃을 수 있습니다({settings})", f"NOT durable ({settings})"
    return f"저장소 / store: {where}, {found.server}. {ko} / {en}. {_memory(found.memory)}."


def _memory(limit: int | None) -> str:
    if limit is None:
        return "메모리 한도 없음 / no memory limit"
    return f"메모리 한도 / memory limit: {limit / 1024**2:,.0f} MiB"
