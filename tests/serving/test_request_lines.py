"""With DEBUG each request gets a line; without it none does."""

from collections.abc import Callable

import pytest
from websockets.asyncio.client import connect

from doqchat.serving.logs import BURST
from tests import processes
from tests.chat.fetch import fetch


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
async def test_every_request_gets_a_line_in_debug_mode(server: str, store_url: str) -> None:
    with processes.web(server, DEBUG="true") as web:
        for number in range(BURST + 5):
            fetch(web, f"/healthz?n={number}")
        async with connect(f"{web.ws}/v1/session/chat?sid=x"):
            until(web, lambda printed: "/v1/session/chat" in printed)
        until(web, lambda printed: printed.count("/healthz") > BURST + 5)
        assert '"GET /healthz' in web.process.output
        assert "Traceback" not in web.process.output


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
async def test_no_request_gets_a_line_otherwise(server: str, store_url: str) -> None:
    with processes.web(server) as web:
        fetch(web, "/healthz")
    assert "/healthz" not in web.process.output


def until(web: processes.Web, fact: Callable[[str], bool]) -> None:
    """Returns when the process has printed it."""
    web.process.wait_until(lambda: fact(web.process.output))
