"""The project's settings, with receivers of doqchat's signals: one prints what it gets, others fail or are slow."""

import json
import sys
import time
from typing import Any

from config.settings import *  # noqa: F403
from doqchat import signals

DOQCHAT["LLMS"]["default"] = {"BACKEND": "doqchat.llm.demo.DemoLLM", "PIECE_SECONDS": 0.001}  # noqa: F405

SIGNALS = ("message_stored", "reply_finished", "member_joined", "member_left")


def print_signal(signal: Any, sender: None, **arguments: Any) -> None:
    """Print the name of the signal and its arguments as a line."""
    (name,) = [name for name in SIGNALS if getattr(signals, name) is signal]
    sys.stdout.write(json.dumps({"signal": name, **arguments}) + "\n")
    sys.stdout.flush()


def fail(**arguments: Any) -> None:
    """Raise an exception."""
    raise LookupError("a receiver's fault")


def sleep(**arguments: Any) -> None:
    """Take a while."""
    time.sleep(0.2)


for name in SIGNALS:
    for receiver in (fail, print_signal, sleep):
        getattr(signals, name).connect(receiver)
