"""The project's settings with short leases."""

from django.apps import AppConfig

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS


class ShortLease(AppConfig):
    """Shortens the leases once the apps can be imported."""

    name, label = "tests.replies", "short_lease"

    def ready(self) -> None:
        from doqchat.worker import leased_reply

        leased_reply.LEASE_SECONDS = 2.5


INSTALLED_APPS = ["tests.replies.short_lease.ShortLease", *INSTALLED_APPS]
