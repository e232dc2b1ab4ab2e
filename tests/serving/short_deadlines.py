"""The settings of these tests, with deadlines for peers that a test can wait for."""

from doqchat.serving import connection_limits
from tests.serving.settings import *  # noqa: F403

connection_limits.HEAD_SECONDS = 1
connection_limits.MESSAGE_SECONDS = 1
connection_limits.SEND_SECONDS = 2
connection_limits.PING_SECONDS = 2
