"""The project's settings, for a web process that counts what its connections leave to the garbage collector."""

from config.settings import *  # noqa: F403

ASGI_APPLICATION = "tests.end_to_end.garbage.application"
