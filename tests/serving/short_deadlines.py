"""The settings of these tests, with deadlines for peers that a test can wait for."""

from doqchat.serving import limits
from tests.serving.settings import *  # noqa: F403

limits.HEAD_SECONDS = 1
limits.MESSAGE_SECONDS = 1
limits.SEND_SECONDS = 2
limits.PING_SECONDS = 2
