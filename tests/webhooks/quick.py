"""The project's settings, with retries and a lease that tests can wait for."""

from chat.webhooks import timing
from config.settings import *  # noqa: F403

timing.TIMEOUT_SECONDS = 1.0
timing.FIRST_RETRY_SECONDS = 0.1
timing.LONGEST_RETRY_SECONDS = 0.5
timing.LEASE_SECONDS = 2.0
timing.PASS_SECONDS = 0.2
