"""Whether a web process answers."""

import asyncio
import socket

POLL = 0.1


async def until_healthy(listening: socket.socket, host: str) -> None:
    """Wait until a process that accepts from the socket answers GET /healthz, asked as `host`, with 200."""
    address, port = listening.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - compared, not bound
    while not await _healthy(reachable, port, host):  # noqa: ASYNC110 - only asking tells
        await asyncio.sleep(POLL)


async def _healthy(address: str, port: int, host: str) -> bool:
    try:
        reader, writer = await asyncio.open_connection(address, port)
        try:
            writer.write(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            # The connection waits in the socket's queue until a process is there to accept it.
            return (await reader.readline()).split(b" ")[1:2] == [b"200"]
        finally:
            writer.close()
    except OSError:
        return False
