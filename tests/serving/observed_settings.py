"""The tests' settings with short deadlines, and an application that says what became of its connections."""

from doqchat.serving import connection_limits
from tests.serving.settings import *  # noqa: F403

connection_limits.HEAD_SECONDS = 1
connection_limits.BODY_SECONDS = connection_limits.MESSAGE_SECONDS = connection_limits.SEND_SECONDS = 3
connection_limits.CLOSE_SECONDS = 1
ASGI_APPLICATION = "tests.serving.observed.application"
