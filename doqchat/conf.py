"""The engine's view of Django's settings."""

from django.conf import settings


def store_urls() -> list[str]:
    """The URLs of the Redis or Valkey servers that hold the sessions; one for each shard."""
    return list(settings.STORE_URLS)
