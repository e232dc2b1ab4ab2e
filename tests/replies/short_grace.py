"""The project's settings with a short timeout for shutdown."""

from config.settings import *  # noqa: F403
from doqchat.serving import shutdown

shutdown.SHUTDOWN_SECONDS = 1
