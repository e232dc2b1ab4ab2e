from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from doqchat.archive.samples import keep_none


def forwards(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    keep_none(schema_editor, doqchat_archive_archivedevent=["body"], doqchat_archive_archivedsession=["state"])


class Migration(migrations.Migration):
    dependencies = [("doqchat_archive", "0004_first_pieces")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
