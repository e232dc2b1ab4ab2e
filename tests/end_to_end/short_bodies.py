"""The project's settings, with a deadline for the bodies of requests that a test can wait for."""

from config.settings import *  # noqa: F403
from doqchat.serving import connection_limits

connection_limits.BODY_SECONDS = 1
