"""The project's settings, for workers whose replies go to others soon after they have died."""

from config.settings import *  # noqa: F403
from doqchat.worker import leased_reply

leased_reply.LEASE_SECONDS = 2.5
