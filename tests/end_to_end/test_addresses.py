"""What is answered at addresses that are asked for in other ways than a browser does."""

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.chat.fetch import fetch
from tests.processes import Web


async def test_a_socket_at_another_path_gets_an_error_with_the_right_path(any_server: Web) -> None:
    async with connect(f"{any_server.ws}/elsewhere") as client:
        assert '"not_found"' in str(await client.recv())
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400


def test_health_checks_work_with_any_host_name(any_server: Web) -> None:
    for path in ("/healthz", "/readyz"):
        assert fetch(any_server, path, headers={"Host": "10.1.2.3"}).json["status"] == "ok"
    assert fetch(any_server, "/", headers={"Host": "10.1.2.3"}).status == 400
