from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from doqchat.archive.samples import keep_none


def forwards(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    keep_none(
        schema_editor,
        doqchat_auditrecord=["name", "address", "detail"],
        doqchat_chatsession=["title"],
        doqchat_invite=["name"],
        doqchat_webhookdelivery=["data"],
    )


class Migration(migrations.Migration):
    dependencies = [("doqchat", "0009_leaving")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
