"""Settings of a site with a filter that limits the length of messages."""

from config.settings import *  # noqa: F403 - a settings module is what it exports
from config.settings import DOQCHAT

DOQCHAT["FILTERS"] = [{"NAME": "doqchat.filters.plain_text.PlainText", "OPTIONS": {"longest": 4_000}}]
