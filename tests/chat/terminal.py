"""`manage.py shell` in a terminal of its own, and somebody who types."""

import codecs
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.chat.commands import WITHIN, clean
from tests.processes import ROOT

SHELL = [sys.executable, str(ROOT / "manage.py"), "shell", "--verbosity", "0"]
PROMPT, MORE = ">>> ", "... "
CTRL_C, CTRL_D = "\x03", "\x04"
LINES_AND_COLUMNS = (24, 500)  # no line is so long that it would scroll


class Terminal:
    """What somebody sees and types."""

    def __init__(self, descriptor: int, process: "subprocess.Popen[bytes]") -> None:
        self._descriptor = descriptor
        self._process = process
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._unread = ""

    def enter(self, line: str) -> str:
        """Type a line; what is printed between it and the next prompt."""
        self.type(f"{line}\n")
        self.until("\n")
        return self.until(PROMPT, MORE)

    def type(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def until(self, *texts: str) -> str:
        """What is printed before the first of these texts. Raises EOFError when it ends, TimeoutError when it hangs."""
        deadline = time.monotonic() + WITHIN
        while not (found := [text for text in texts if text in self._unread]):
            if not select.select([self._descriptor], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise TimeoutError(f"None of {texts} is in: {self._unread}")
            self._read()
        before, _, self._unread = self._unread.partition(min(found, key=self._unread.index))
        return before.replace("\r\n", "\n")

    def end(self) -> int:
        """The exit code, once the shell has ended."""
        return self._process.wait(WITHIN)

    def _read(self) -> None:
        printed = b""
        with suppress(OSError):  # Linux has one when nobody is left to print
            printed = os.read(self._descriptor, 65536)
        if not printed:
            raise EOFError(f"It ended after: {self._unread}")
        self._unread += self._decode(printed)


@contextmanager
def shell(home: Path, *options: str, **environment: str) -> Iterator[Terminal]:
    """The shell from its first prompt to the end of the block, for somebody with this home, with further variables."""
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, LINES_AND_COLUMNS)
    own = {"HOME": str(home), "LC_ALL": "C.UTF-8", "TERM": "dumb", "INPUTRC": os.devnull}
    process = subprocess.Popen(
        [*SHELL, *options],
        cwd=ROOT,
        env=clean(os.environ) | own | environment,
        preexec_fn=partial(os.login_tty, inner),
    )
    os.close(inner)
    try:
        terminal = Terminal(outer, process)
        terminal.until(PROMPT)
        yield terminal
    finally:
        process.kill()
        process.wait()
        os.close(outer)
