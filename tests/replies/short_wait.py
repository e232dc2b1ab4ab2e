"""The project's settings with a short wait for a worker."""

from config.settings import *  # noqa: F403
from doqchat.worker import unserved

unserved.WAITED_SECONDS = 1.0
unserved.CONFIRM_SECONDS = 0.5
