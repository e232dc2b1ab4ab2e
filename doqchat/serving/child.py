"""A process that is started again when it ends, and that ends with the one that started it."""

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

    `parent` is the process id of the one that started this one: when it is gone already the signal would never come.
    Elsewhere than on Linux nothing is armed. There a killed supervisor leaves its children: the next one ends the
    store it finds (`EmbeddedStore.claim`) and says that the port is taken by the web processes.

    Raises ProcessLookupError when the parent has ended, OSError when the kernel refuses.
    """
    if sys.platform == "linux" and _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        raise ProcessLookupError("The process that started this one has ended.")


class Child:
    """One program, kept running.

    It gets a session of its own, so that a terminal's Ctrl-C reaches only its parent, which then ends its children
    in the right order. `say` takes the line that tells of a death, to which `why` adds what is known of its reason;
    `died` is set by the first one. `umask` is the program's; by default it is that of this process.
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
        """Start the program and keep it running. Call it in the main thread: its end is the children's end."""
        self._keeping = asyncio.create_task(self._keep())

    async def end(self, grace: float) -> None:
        """Send SIGTERM and, when the program is still there after `grace` seconds, SIGKILL."""
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
        """SIGKILL, for it and all that it started."""
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
                f"{self.name} 프로세스가 끝나서({ended}) {delay:g}초 뒤에 다시 시작합니다. / "
                f"{self.name} ended ({ended}) and starts again in {delay:g} s."
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
