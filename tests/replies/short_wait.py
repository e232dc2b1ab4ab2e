"""The project's settings with a short wait for a worker."""

from django.apps import AppConfig

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS


class ShortWait(AppConfig):
    """Shortens the wait once the apps can be imported."""

    name, label = "tests.replies", "short_wait"

    def ready(self) -> None:
        from doqchat.worker import unserved

        unserved.WAITED_SECONDS = 1.0
        unserved.CONFIRM_SECONDS = 0.5


INSTALLED_APPS = ["tests.replies.short_wait.ShortWait", *INSTALLED_APPS]
