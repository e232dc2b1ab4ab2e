"""A worker logs with the id of the request that it answers."""

import asyncio
import re

from tests import processes
from tests.client import WITHIN
from tests.conftest import Connect
from tests.replies.conftest import Site
from tests.replies.conversation import ENDS, ask


async def lines_with(site: Site, words: str, count: int) -> list[str]:
    """The lines of the workers with these words, when there are so many."""
    async with asyncio.timeout(WITHIN):
        while True:
            lines = [line for worker in site.workers for line in worker.output.splitlines() if words in line]
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.02)


async def test_the_log_of_a_reply_has_the_id_of_the_socket_that_requested_it(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid, headers={"X-Request-ID": sid})
    await ask(client, "[[status=429]]")
    assert (await client.recv_event(*ENDS))["hd"]["event"] == "llm.error"
    await lines_with(site, f"in {sid} ended with an error", 1)
    *of_backend, of_reply = await lines_with(site, f" x-request-id={sid}", 2)
    assert all("llms['default']: rate_limited" in line for line in of_backend)
    assert f"in {sid} ended with an error" in of_reply


async def test_the_log_of_an_automatic_reply_has_an_id_of_its_own(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid, headers={"X-Request-ID": sid})
    await client.say("@llm [[status=429]]")
    assert (await client.recv_event(*ENDS))["hd"]["event"] == "llm.error"
    (of_reply,) = await lines_with(site, f"in {sid} ended with an error", 1)
    assert re.search(" x-request-id=[0-9a-f]{32}$", of_reply)
