"""The Django app. Its label is not the package's name, because a project may have another app `chat`."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    label = "doqchat"
    verbose_name = "doqchat"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and connect to signals."""
        from chat import audit_batches, checks  # noqa: F401  # importing it registers the checks
        from chat.access import account_signals
        from chat.webhooks import outbox

        account_signals.connect()
        audit_batches.connect()
        outbox.connect()
