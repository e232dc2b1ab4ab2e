"""The project's settings, for a web process that soon says that no worker is there."""

from config.settings import *  # noqa: F403
from doqchat.worker import unserved

unserved.WAITED_SECONDS = 1.0
unserved.CONFIRM_SECONDS = 0.5
