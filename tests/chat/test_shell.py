"""`manage.py shell`: Django's, in which `await` works and `llms` is at hand."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes
from tests.chat.commands import clean
from tests.chat.terminal import CTRL_C, CTRL_D, PROMPT, SHELL, Terminal, shell
from tests.processes import completed

CALL = 'await llms["default"].generate(prompt="안녕")'
ANSWER = "저는 데모 모델이에요."

NO_SESSION = 'Session.objects.filter(pk="none")'


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The shell in a terminal, the same for all tests; what one of them defines is there for the next."""
    with shell(tmp_path_factory.mktemp("console")) as terminal:
        yield terminal


def run(*arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    """What the shell printed and how it ended, without a terminal."""
    return completed([*SHELL, *arguments], clean(os.environ), typed)


def ways(source: str) -> "Iterator[subprocess.CompletedProcess[str]]":
    """What becomes of a program given with -c, and on standard input."""
    yield run("-c", source)
    yield run(typed=source)


@pytest.mark.slow
def test_a_program_may_await() -> None:
    for ended in ways(f"reply = {CALL}\nprint(reply.text)"):
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith(ANSWER)


@pytest.mark.slow
def test_a_program_may_iterate_and_enter_asynchronously() -> None:
    program = """
from contextlib import aclosing
async with aclosing(llms["default"].stream("안녕")) as events:
    print(*[type(event).__name__ async for event in events][-2:])
async for event in llms["default"].stream("안녕"):
    last = event
print(last.reason)
"""
    ended = run("-c", program)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "Piece Finish\nstop\n", "")


def test_all_that_a_program_awaits_shares_one_event_loop() -> None:
    program = """
from asyncio import get_running_loop, sleep
first = await sleep(0) or get_running_loop()
print(await sleep(0) or get_running_loop() is first)
"""
    ended = run("-c", program)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_an_interrupt_that_another_thread_receives_cancels_an_await_at_once() -> None:
    program = """
import asyncio, signal, threading
def interrupt():
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
threading.Timer(0.2, interrupt).start()
try:
    await asyncio.sleep(3600)
except asyncio.CancelledError:
    print("cancelled")
"""
    ended = run("-c", program)
    assert (ended.stdout, ended.stderr) == ("cancelled\n", "")


@pytest.mark.usefixtures("transactional_db")
def test_a_program_may_call_the_orm_beside_what_it_awaits() -> None:
    ended = run("-c", f"{CALL}\nprint({NO_SESSION}.count())\nprint(await {NO_SESSION}.acount())")
    assert (ended.stdout, ended.stderr) == ("0\n0\n", "")


@pytest.mark.parametrize("statement", ["1 / 0", "1 / await asyncio.sleep(0, 0)"])
def test_an_error_of_a_program_is_shown_and_is_its_end(statement: str) -> None:
    for ended in ways(f"import asyncio\n{statement}\nprint('not reached')"):
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith("Traceback (most recent call last):\n")
        assert '\n  File "<string>", line 2, in <module>\n' in ended.stderr
        assert ended.stderr.endswith("\nZeroDivisionError: division by zero\n")


def test_a_program_with_a_mistake_does_not_begin() -> None:
    ended = run("-c", "import asyncio\nprint('begun')\nawait asyncio.sleep(0)\nreturn")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.endswith("\nSyntaxError: 'return' outside function\n")


def test_what_a_program_takes_from_the_future_holds_to_its_end() -> None:
    program = """
from __future__ import annotations
import asyncio
await asyncio.sleep(0)
def function(argument: unknown): ...
print(function.__annotations__)
"""
    ended = run("-c", program)
    assert (ended.stdout, ended.stderr) == ("{'argument': 'unknown'}\n", "")


def test_a_program_ends_with_the_code_that_it_exits_with() -> None:
    ended = run("-c", "import asyncio\nexit(await asyncio.sleep(0, 7))")
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "", "")


def test_nothing_is_imported_when_nothing_shall_be() -> None:
    ended = run("--no-imports", "-c", "print({'llms', 'ChatSession', 'Session'} & {*globals()})")
    assert (ended.stdout, ended.stderr) == ("set()\n", "")


def test_it_says_that_llms_is_imported() -> None:
    assert "  from doqchat.llm import llms\n" in run("--verbosity", "2", "-c", "pass").stdout


@pytest.mark.slow
def test_an_awaited_reply_is_shown(console: Terminal) -> None:
    shown = console.enter(CALL)
    assert shown.startswith(f"Reply(text='{ANSWER}")
    assert shown.endswith("finish=Finish(reason='stop', model='demo', input_tokens=None, output_tokens=None))\n")


def test_an_awaited_reply_can_be_kept(console: Terminal) -> None:
    assert console.enter(f"reply = {CALL}") == ""
    assert console.enter("print(reply.text)").startswith(ANSWER)


def test_all_that_is_awaited_in_a_terminal_shares_one_event_loop(console: Terminal) -> None:
    console.enter("from asyncio import get_running_loop, sleep")
    console.enter("first = await sleep(0) or get_running_loop()")
    console.enter(CALL)
    assert console.enter("await sleep(0) or get_running_loop() is first") == "True\n"


@pytest.mark.usefixtures("transactional_db")
def test_the_orm_can_be_called_before_and_after_an_await(console: Terminal) -> None:
    assert console.enter(f"{NO_SESSION}.count()") == "0\n"
    assert console.enter(f"await {NO_SESSION}.acount()") == "0\n"
    assert console.enter(f"{NO_SESSION}.count()") == "0\n"


def test_awaited_code_sees_context_variables_that_were_set_before(console: Terminal) -> None:
    console.enter("import asyncio; from django.utils import translation; translation.activate('en')")
    assert console.enter("await asyncio.sleep(0, translation.get_language())") == "'en'\n"


@pytest.mark.slow
def test_ctrl_c_cancels_an_await_and_ctrl_d_exits_the_shell(tmp_path: Path) -> None:
    with (
        processes.gemini() as url,
        shell(tmp_path, GEMINI_API_KEY="right-key", GEMINI_BASE_URL=url) as console,
    ):
        console.enter('async for event in llms["default"].stream("[[pieces=2 hang=1]]"):')
        console.enter("    print(event)")
        console.type("\n")
        console.until("\n")
        assert console.until("\n").startswith("Piece(text='조각 1")
        console.type(CTRL_C)
        assert console.until(PROMPT) == "^C\nKeyboardInterrupt\n"
        assert console.enter('str(await llms["default"].generate("[[text=안녕]]"))') == "'안녕'\n"
        console.type(CTRL_D)
        assert console.end() == 0


@pytest.mark.parametrize("statement", ["1 / 0", "1 / await asyncio.sleep(0, 0)"])
def test_an_error_is_shown_from_where_it_was_typed(statement: str, console: Terminal) -> None:
    console.enter("import asyncio")
    assert console.enter(statement) == (
        "Traceback (most recent call last):\n"
        '  File "<console>", line 1, in <module>\n'
        "ZeroDivisionError: division by zero\n"
    )


def test_names_are_completed(console: Terminal) -> None:
    assert console.enter('await llm\t["default"].generate("안녕")').startswith("Reply(")


@pytest.mark.slow
def test_the_startup_file_is_run_unless_it_shall_not_be(tmp_path: Path) -> None:
    startup = tmp_path / "startup.py"
    startup.write_text("begun = True")
    with shell(tmp_path, PYTHONSTARTUP=str(startup)) as console:
        assert console.enter("begun") == "True\n"
    with shell(tmp_path, "--no-startup", PYTHONSTARTUP=str(startup)) as console:
        assert console.enter("begun").endswith("\nNameError: name 'begun' is not defined\n")
