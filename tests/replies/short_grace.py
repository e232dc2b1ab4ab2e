"""The project's settings with a short timeout for shutdown."""

from config.settings import *  # noqa: F403
from doqchat.serving import limits

limits.SHUTDOWN_SECONDS = 1
