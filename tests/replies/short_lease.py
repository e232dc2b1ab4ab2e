"""The project's settings, for workers whose replies go to others soon after they have died."""

from config.settings import *  # noqa: F403
from doqchat.worker import queue as jobs

jobs.LEASE_SECONDS = 2.5
