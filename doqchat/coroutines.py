"""Coroutines whose first step runs in place: most finish in it, and need neither a task nor a timer."""

import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


@types.coroutine
def continued(coroutine: Coroutine[Any, Any, T], step: Any) -> Generator[Any, Any, T]:
    """Await a coroutine whose first step was already run and gave the future `step`."""
    try:
        while True:
            try:
                yield step
            except BaseException as error:
                step = coroutine.throw(error)
            else:
                step = coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
