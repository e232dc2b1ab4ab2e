"""A child process that is restarted when it exits, and that ends with its parent."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0
SETTLED = 30.0

_libc = ctypes.CDLL(None, use_errno=True)


def end_with_parent(parent: int) -> None:
    """Have the kernel send this process SIGTERM when the thread that started it ends, SIGKILL included.

    `parent` is the parent's process id: if it has already exited, the signal would never be sent. On systems other than
    Linux this does nothing, and a killed supervisor leaves its children running: the next one stops the store it finds
    (`EmbeddedStore.claim`) and reports that the port of the web processes is taken.

    Raises ProcessLookupError when the parent has ended, OSError when the kernel refuses.
    """
    if sys.platform == "linux" and _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        raise ProcessLookupError("The parent process has exited.")


class Child:
    """One program, kept running.

    It runs in a new session, so that a terminal's Ctrl-C reaches only the parent, which then stops its children in the
    right order. `say` receives a line when the process dies, to which `why` adds the known reason; `died` is set the
    first time. `umask` is the program's umask; by default that of this process.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        say: Callable[[str], None],
        pass_fds: Sequence[int] = (),
        why: Callable[[], str] | None = None,
        umask: int = -1,
    ) -> None:
        self.name = name
        self.command = command
        self.say = say
        self.pass_fds = pass_fds
        self.why = why
        self.umask = umask
        self.died = asyncio.Event()
        self.process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the program and keep it running. Call it in the main thread: when that exits, so do the children."""
        self._keeping = asyncio.create_task(self._keep())

    async def end(self, grace: float) -> None:
        """Send SIGTERM and, if the program still runs after `grace` seconds, SIGKILL."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        if self.process and self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), grace)
            except TimeoutError:
                self.kill()
                await self.process.wait()

    def kill(self) -> None:
        """Send SIGKILL to it and its children."""
        if self.process and self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        delay = FIRST_DELAY
        while True:
            started = clock()
            ended = await self._run()
            self.died.set()
            if self.why is not None:
                ended = f"{ended}: {self.why()}"
            if clock() - started >= SETTLED:
                delay = FIRST_DELAY
            self.say(
                f"{self.name} 프로세스가 종료되어({ended}) {delay:g}초 뒤에 재시작합니다. / "
                f"{self.name} exited ({ended}); restarting in {delay:g} s."
            )
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def _run(self) -> str:
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=partial(end_with_parent, os.getpid()),  # only system calls: safe between fork and exec
            pass_fds=self.pass_fds,
            umask=self.umask,
        )
        code = await self.process.wait()
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
