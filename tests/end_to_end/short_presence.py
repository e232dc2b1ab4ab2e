"""The project's settings, with presence that runs out soon: nobody wants to wait half a minute for a test."""

from config.settings import *  # noqa: F403
from doqchat.fanout import hub
from doqchat.store import presence

presence.LASTS_SECONDS = 2
hub.BEAT_SECONDS = 0.5
