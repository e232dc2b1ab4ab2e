"""The socket that web processes accept connections from, and waiting until one of them responds."""

import asyncio
import errno
import socket

from doqchat.serving import StartError

BACKLOG = 2048
POLL_SECONDS = 0.1
ANY_ADDRESS = ("0.0.0.0", "::", "127.0.0.1", "::1")  # noqa: S104 - compared, not bound


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 picks a free port. `::` accepts IPv4 as well.

    Connections wait in its backlog for any process to accept them, so none is lost when a web process dies.
    Raises StartError if the address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")
    except (OSError, OverflowError, ValueError) as error:  # including invalid port numbers and host names
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise StartError(
                f"{port}번 포트를 다른 프로그램이 사용하고 있습니다. PORT={port + 1}처럼 다른 번호를 지정하세요. / "
                f"Port {port} is in use by another program: choose another, for example PORT={port + 1}."
            ) from error
        raise StartError(
            f"HOST={host} PORT={port}에서 수신할 수 없습니다. / "
            f"Cannot listen on HOST={host} PORT={port}: {getattr(error, 'strerror', error)}."
        ) from error


def inherited(descriptor: int) -> socket.socket:
    """The listening socket inherited from the parent. Raises StartError if the descriptor is not a socket."""
    try:
        return socket.socket(fileno=descriptor)
    except (OSError, OverflowError, ValueError) as error:
        raise StartError(
            f"파일 디스크립터 {descriptor}은(는) 소켓이 아닙니다. / The file descriptor {descriptor} is not a socket."
        ) from error


def address_of(host: str, port: int, path: str) -> str:
    """The URL of a site on this machine at a path."""
    name = "localhost" if host in ANY_ADDRESS else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}{path}"


async def until_healthy(listening: socket.socket, host: str) -> None:
    """Wait until a process that accepts from the socket answers GET /healthz, asked as `host`, with 200."""
    address, port = listening.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - compared, not bound
    while not await _healthy(reachable, port, host):  # noqa: ASYNC110 - only asking tells
        await asyncio.sleep(POLL_SECONDS)


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
