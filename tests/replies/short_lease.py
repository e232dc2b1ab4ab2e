"""The project's settings, for workers whose replies go to others soon after they have died."""

from config.settings import *  # noqa: F403
from doqchat.replies import jobs

jobs.LEASE_SECONDS = 2.5
