"""Supported addresses of a server, and the cancellation of commands."""

import asyncio
import tempfile
from pathlib import Path

import redis

from doqchat.fanout.layer import SessionChannelLayer
from doqchat.store.clients import commands
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests import processes


async def test_a_server_is_reached_through_its_unix_socket(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as short:  # the path of a socket has at most 107 bytes
        url = f"unix://{short}/valkey.sock?db=3"
        with processes.valkey(tmp_path / "valkey", 0, "--unixsocket", f"{short}/valkey.sock") as store:
            shards, layer = Shards([url]), SessionChannelLayer(hosts=[url])
            await SessionStream(shards).append("room", "A", "{}")
            await layer.group_send("room", {"type": "news"})
            await layer.flush()
            await shards.close()
            with redis.Redis.from_url(store.url.removesuffix("/0") + "/3") as client:
                assert client.xlen("chat:session:room") == 1


async def test_a_loop_of_commands_ends_whenever_it_is_cancelled(store_url: str) -> None:
    async def loop() -> None:
        while True:
            await client.ping()

    async with commands(store_url) as client:
        await client.ping()
        for steps in range(40):
            task = asyncio.create_task(loop())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            ended, _ = await asyncio.wait([task], timeout=5)
            assert ended, f"the loop goes on after it was cancelled in step {steps}"
