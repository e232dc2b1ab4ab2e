"""The Django app of the archive."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ArchiveConfig(AppConfig):
    """The archive; DOQCHAT['ARCHIVE'] says whether it is used."""

    name = "doqchat.archive"
    label = "doqchat_archive"
    verbose_name = _("archive")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Count what is archived."""
        from doqchat.archive import counts

        counts.connect()
