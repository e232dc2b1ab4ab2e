"""The project's settings with short leases."""

from config.settings import *  # noqa: F403
from doqchat.worker import leased_reply

leased_reply.LEASE_SECONDS = 2.5
