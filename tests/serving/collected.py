"""The project's settings, where static files count as collected, because compressing them takes long."""

from config.settings import *  # noqa: F403
from config.settings import BASE_DIR

STATIC_ROOT = BASE_DIR / "chat" / "static"
