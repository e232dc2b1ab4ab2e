"""The Django app `chat`."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "doqchat"

    def ready(self) -> None:
        """Register the system checks."""
        from chat import checks  # noqa: F401  # importing registers them
