"""The project's settings, for a worker that has little time to finish what it writes."""

from config.settings import *  # noqa: F403
from doqchat.serving import limits

limits.SHUTDOWN_SECONDS = 1
