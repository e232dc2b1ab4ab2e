"""The tests' settings with short deadlines, and an application that says what became of its connections."""

from doqchat.serving import limits
from tests.serving.settings import *  # noqa: F403

limits.HEAD_SECONDS = 1
limits.BODY_SECONDS = limits.MESSAGE_SECONDS = limits.SEND_SECONDS = 3
limits.CLOSE_SECONDS = 1
ASGI_APPLICATION = "tests.serving.observed.application"
