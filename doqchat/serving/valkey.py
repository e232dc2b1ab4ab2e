"""The embedded store: a real Valkey server in the data directory."""

import asyncio
import fcntl
import os
import shutil
import socket
from contextlib import suppress
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from redis.exceptions import RedisError

from doqchat.serving import StartError
from doqchat.serving.store_program import find_program
from doqchat.store.clients import commands

HOST = "127.0.0.1"
LEFT_OVER_ENDS_WITHIN = 30.0
FULL_DISK_BYTES = 16 * 1024 * 1024  # about as much as the store writes at once
POLL = 0.02
STORE = "valkey"
"""The store's folder in the data directory."""

LOCK = "lock"
SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",  # the append-only file is authoritative; snapshots would only cost time
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "always-show-logo": "no",
}


def embedded_url(port: int, password: str = "") -> str:
    """The URL of the embedded store on a port, including the password."""
    return f"redis://{':' + quote(password, safe='') + '@' if password else ''}{HOST}:{port}/0"


class EmbeddedStore:
    """A Valkey server on loopback that does not lose acknowledged data.

    Args:
        directory: its data directory.
        port: the port on loopback.
        memory: the memory limit in bytes, beyond which writes are refused; 0 for no limit.
        password: the password of its clients; empty for none.
    """

    def __init__(self, directory: Path, port: int, memory: int = 0, password: str = "") -> None:
        self.directory = directory.resolve()
        self.port = port
        self.memory = memory
        self.password = password
        self.url = embedded_url(port, password)
        self.log = self.directory / "valkey.log"
        self._secret = self.directory / "password.conf"
        self._lock: TextIO | None = None

    def command(self) -> list[str]:
        """The command that starts it in the foreground. Raises StartError if no server program is found."""
        own = {
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.directory),
            "logfile": str(self.log),
            "maxmemory": str(self.memory),
        }
        secret = [str(self._secret)] if self.password else []
        return [
            find_program(),
            *secret,
            *(part for name, value in (own | SETTINGS).items() for part in (f"--{name}", value)),
        ]

    async def claim(self) -> None:
        """Lock the directory and free the port, stopping a server that a killed doqchat left behind.

        The lock lasts as long as this object. Raises StartError if another doqchat uses the directory, or another
        program the port.
        """
        self._lock_directory()
        self._keep_password()
        if self._port_is_free():
            return
        for url in (self.url, embedded_url(self.port)):
            if await self._is_left_over(url):
                await self._end_left_over(url)
                return
        if not self._port_is_free():  # a leftover server may have exited meanwhile
            raise StartError(
                f"내장 저장소의 {self.port}번 포트를 다른 프로그램이 사용하고 있습니다. DOQCHAT_REDIS_PORT에 다른 "
                f"번호를 지정하세요. / Port {self.port} of the embedded store is in use by another program: choose "
                "another with DOQCHAT_REDIS_PORT."
            )

    def why_it_ended(self) -> str:
        """The reason of its exit, from its disk or its log."""
        if shutil.disk_usage(self.directory).free < FULL_DISK_BYTES:
            return f"디스크가 가득 찼습니다 / the disk of {self.directory} is full"
        return self.last_words()

    def last_words(self) -> str:
        """The last line of its log, or an empty string."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.is_file() else []
        return lines[-1] if lines else ""

    def _lock_directory(self) -> None:
        try:
            for folder in (self.directory.parent, self.directory):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = open(  # noqa: SIM115 - held as long as this object
                self.directory / LOCK, "w", opener=_private, encoding="utf-8"
            )
        except OSError as error:
            raise StartError(
                f"{self.directory}에 쓸 수 없습니다. DOQCHAT_DATA_DIR을 바꾸세요. / "
                f"Cannot write to {self.directory} ({error.strerror}): choose another directory with DOQCHAT_DATA_DIR."
            ) from error
        try:
            # Not inherited by children, and released by the kernel whenever this process ends.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartError(
                f"다른 doqchat이 {self.directory}를 사용하고 있습니다. 종료하거나 DOQCHAT_DATA_DIR을 바꾸세요. / "
                f"Another doqchat is using {self.directory}: stop it, or set another DOQCHAT_DATA_DIR."
            ) from error

    def _keep_password(self) -> None:
        """Write the password to a file that only the owner can read: command lines are visible to all users."""
        if self.password:
            self._secret.unlink(missing_ok=True)  # an existing file would keep its mode
            with open(self._secret, "w", encoding="utf-8", opener=_private) as file:
                escaped = "".join(f"\\x{byte:02x}" for byte in self.password.encode())
                file.write(f'requirepass "{escaped}"\n')

    def _port_is_free(self) -> bool:
        try:
            socket.create_server((HOST, self.port)).close()
        except OSError:
            return False
        return True

    async def _is_left_over(self, url: str) -> bool:
        async with commands(url) as client:
            try:
                reply = await client.config_get("dir")
            except (RedisError, OSError):
                return False
        return reply.get("dir") == str(self.directory)

    async def _end_left_over(self, url: str) -> None:
        async with commands(url) as client:
            with suppress(RedisError, TimeoutError):  # a server closes the connection on SHUTDOWN
                await client.shutdown()
        try:
            async with asyncio.timeout(LEFT_OVER_ENDS_WITHIN):
                while not self._port_is_free():  # noqa: ASYNC110 - nothing tells when a port becomes free
                    await asyncio.sleep(POLL)
        except TimeoutError as error:
            raise StartError(
                f"{self.port}번 포트에 남아 있는 저장소가 종료되지 않습니다. {self.log}를 확인하세요. / "
                f"The leftover store on port {self.port} does not exit: see {self.log}."
            ) from error


def _private(path: str, flags: int) -> int:
    """Opens a file; a new one is readable by its owner only."""
    return os.open(path, flags, 0o600)
