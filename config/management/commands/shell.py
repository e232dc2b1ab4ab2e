"""`manage.py shell`: Django's shell with support for `await`, and the models as `llms`.

Statements with `await` run in one event loop, because the models keep connections per loop. Other statements run
outside it, because Django refuses synchronous ORM calls inside an event loop.
"""

import ast
import asyncio
import code
import codeop
import select
import signal
import sys
from contextlib import closing
from contextvars import copy_context
from inspect import CO_COROUTINE
from types import CodeType, TracebackType
from typing import Any

from django.core.management.commands import shell


class Command(shell.Command):
    def get_auto_imports(self) -> list[str]:
        """Django's, and `llms`."""
        return [*(super().get_auto_imports() or []), "doqchat.llm.llms"]

    def handle(self, **options: Any) -> None:
        """Run the program given with -c or on standard input; without one, open a console."""
        program = options["command"] or _piped()
        if program:
            # Django lets a program see the names in its own module, too.
            _run(program, {**vars(shell), **self.get_namespace(**options)})
        else:
            super().handle(**options)

    def python(self, options: Any) -> None:
        """Open Python's console."""
        # Django calls `code.interact`, which takes no class.
        ordinary = code.InteractiveConsole
        code.InteractiveConsole = _AsyncConsole  # type: ignore[misc]  # a class is put in place of another
        try:
            super().python(options)
        finally:
            code.InteractiveConsole = ordinary  # type: ignore[misc]  # and put back


class _AsyncConsole(code.InteractiveConsole):
    """Python's console, in which `await` works."""

    def interact(self, banner: str | None = None, exitmsg: str | None = None) -> None:
        """Run statements until the user exits."""
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        with closing(asyncio.Runner()) as self._runner:
            super().interact(banner, exitmsg)

    def runcode(self, code: CodeType) -> None:
        """Run a statement, and show its error. Raises SystemExit, and KeyboardInterrupt from what is awaited."""
        if not code.co_flags & CO_COROUTINE:
            super().runcode(code)
            return
        try:
            _execute(code, self.locals, self._runner)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            error.__traceback__ = _without_event_loop(error.__traceback__, code)
            self.showtraceback()


def _piped() -> str:
    """The program on standard input, if it is not a terminal and data is available."""
    is_there = not sys.stdin.isatty() and select.select([sys.stdin], [], [], 0)[0]
    return sys.stdin.read() if is_there else ""


def _run(program: str, namespace: dict[str, Any]) -> None:
    """Run a program. Raises its exceptions, or SyntaxError before running any of it."""
    with closing(asyncio.Runner()) as runner:
        for statement in _statements(program):
            _execute(statement, namespace, runner)


def _statements(program: str) -> list[CodeType]:
    """The program's statements, compiled separately. Raises SyntaxError."""
    compiler = codeop.Compile()
    compiler.flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compiler(program, "<string>", "exec")  # what it takes from __future__ is kept for each of its statements
    return [
        compiler(ast.Module([statement], []), "<string>", "exec")  # type: ignore[arg-type]  # `compile` takes a tree
        for statement in ast.parse(program, "<string>").body
    ]


def _execute(statement: CodeType, namespace: dict[str, Any], runner: asyncio.Runner) -> None:
    """Run one statement, in the runner's event loop if it awaits. Raises its exceptions."""
    coroutine = eval(statement, namespace)  # noqa: S307  # to run what is typed is what a shell is for
    if coroutine:
        # As a side effect, each signal wakes the loop up. A Ctrl-C that arrives just before the loop begins to wait, or
        # in another thread, would have no effect before its next event.
        runner.get_loop().add_signal_handler(signal.SIGURG, lambda: None)
        runner.run(coroutine, context=copy_context())


def _without_event_loop(trace: TracebackType | None, statement: CodeType) -> TracebackType | None:
    """The traceback from the frame before the statement's on, which the console takes for its own and leaves out."""
    while trace and trace.tb_next and trace.tb_next.tb_frame.f_code is not statement:
        trace = trace.tb_next
    return trace
