"""The project's settings, for processes whose sessions soon leave the store."""

from config.settings import *  # noqa: F403
from config.settings import DOQCHAT
from doqchat.store import reader

DOQCHAT["ARCHIVE"] = {"LIVE_EVENTS": 10, "IDLE_MINUTES": 0.5 / 60}
reader.ACTIVE_MS, reader.KEPT_MS = 100, 200
