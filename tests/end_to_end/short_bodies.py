"""The project's settings, with a deadline for the bodies of requests that a test can wait for."""

from config.settings import *  # noqa: F403
from doqchat.serving import limits

limits.BODY_SECONDS = 1
