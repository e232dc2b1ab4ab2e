"""The faults: each breaks something, and returns when that is whole again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from random import Random

import redis.asyncio

from tests.chaos.cluster import Cluster, Part, end, freeze, kill

Fault = Callable[[Cluster, Random], Awaitable[str]]
"""Does it, and returns in a few words what exactly was done."""

LONGEST_FREEZE = 5.0
LONGEST_ABSENCE = 3.0
LONGEST_LOCK = 30.0
DATABASE_AWAY = 30.0
KILLED_FOR = 30.0
LIFETIME = 1.0
"""Seconds from the start of a worker to its end while workers are killed again and again."""
DELAYED_FOR = 3.0
A_FRAME = 500
"""Bytes, about: connections are cut in the middle of one."""


async def kill_web(cluster: Cluster, random: Random) -> str:
    web = random.choice(cluster.webs)
    return f"{web.name}, {await _be_away(web, kill, random)}"


async def drain_web(cluster: Cluster, random: Random) -> str:
    web = random.choice(cluster.webs)
    loop = asyncio.get_running_loop()
    started = loop.time()
    await end(web)
    ended = loop.time() - started
    await web.start()
    return f"{web.name}, ended within {ended:.1f} s"


async def freeze_web(cluster: Cluster, random: Random) -> str:
    web = random.choice(cluster.webs)
    return f"{web.name}, {await _stand_still(web, random)}"


async def kill_store(cluster: Cluster, random: Random) -> str:
    return await _be_away(cluster.store, kill, random)


async def restart_store(cluster: Cluster, random: Random) -> str:
    return await _be_away(cluster.store, end, random)


async def freeze_store(cluster: Cluster, random: Random) -> str:
    return await _stand_still(cluster.store, random)


async def kill_workers(cluster: Cluster, random: Random) -> str:
    before = cluster.database.number_archived()
    killed = await _kill_workers(cluster, KILLED_FOR)
    return f"{killed} times; {cluster.database.number_archived() - before:,} events were archived meanwhile"


async def freeze_worker(cluster: Cluster, random: Random) -> str:
    return await _stand_still(cluster.worker, random)


async def lock_database(cluster: Cluster, random: Random) -> str:
    seconds = random.uniform(1, LONGEST_LOCK)
    await cluster.database.lock(seconds)
    return f"for {seconds:.1f} s"


async def take_database_away(cluster: Cluster, random: Random) -> str:
    """While workers are killed as well, so that each has to open it."""
    away = asyncio.create_task(cluster.database.be_away(DATABASE_AWAY))
    killed = await _kill_workers(cluster, DATABASE_AWAY)
    await away
    return f"for {DATABASE_AWAY:g} s, and the worker killed {killed} times"


async def _kill_workers(cluster: Cluster, seconds: float) -> int:
    clock = asyncio.get_running_loop().time
    ends, killed = clock() + seconds, 0
    while clock() < ends:
        await kill(cluster.worker)
        await cluster.worker.start()
        await asyncio.sleep(LIFETIME)
        killed += 1
    return killed


async def _be_away(part: Part, leave: Callable[[Part], Awaitable[None]], random: Random) -> str:
    absence = random.uniform(0, LONGEST_ABSENCE)
    await leave(part)
    await asyncio.sleep(absence)
    await part.start()
    return f"back after {absence:.1f} s"


async def _stand_still(part: Part, random: Random) -> str:
    seconds = random.uniform(1, LONGEST_FREEZE)
    await freeze(part, seconds)
    return f"for {seconds:.1f} s"


async def kill_subscriptions(cluster: Cluster, random: Random) -> str:
    return await _kill_clients(cluster, random, "pubsub")


async def kill_commands(cluster: Cluster, random: Random) -> str:
    return await _kill_clients(cluster, random, "normal")


async def _kill_clients(cluster: Cluster, random: Random, kind: str) -> str:
    killed = 0
    async with redis.asyncio.Redis.from_url(cluster.store.url) as client:
        for _ in range(random.randint(3, 6)):
            killed += await client.client_kill_filter(_type=kind, skipme=True)
            await asyncio.sleep(random.uniform(0.05, 0.5))
    return f"{killed} connections"


async def cut_connections(cluster: Cluster, random: Random) -> str:
    cut = 0
    for _ in range(random.randint(2, 4)):
        cut += cluster.proxy.cut(random.uniform(0.3, 1), within=A_FRAME)
        await asyncio.sleep(random.uniform(0.3, 1))
    return f"{cut} connections"


async def delay_bytes(cluster: Cluster, random: Random) -> str:
    cluster.proxy.delay = random.uniform(0.1, 0.5)
    try:
        await asyncio.sleep(DELAYED_FOR)
    finally:
        held, cluster.proxy.delay = cluster.proxy.delay, 0.0
    return f"up to {held * 1000:.0f} ms for {DELAYED_FOR:g} s"


FAULTS: dict[str, Fault] = {
    "web process killed": kill_web,
    "web process drained": drain_web,
    "web process frozen": freeze_web,
    "store killed": kill_store,
    "store restarted": restart_store,
    "store frozen": freeze_store,
    "worker killed every second": kill_workers,
    "worker frozen": freeze_worker,
    "database locked": lock_database,
    "database away": take_database_away,
    "subscriptions killed": kill_subscriptions,
    "store connections killed": kill_commands,
    "connections cut": cut_connections,
    "bytes delayed": delay_bytes,
}


def rounds(kinds: Sequence[str], random: Random) -> Iterator[str]:
    """Names of faults without end: all kinds in some order, then all again in another."""
    while True:
        yield from random.sample(kinds, len(kinds))
