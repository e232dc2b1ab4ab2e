from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from doqchat.archive.search_index import index_of


def create(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    index_of(schema_editor.connection).create()


def drop(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    index_of(schema_editor.connection).drop()


class Migration(migrations.Migration):
    dependencies = [("doqchat_archive", "0001_initial")]

    operations = [migrations.RunPython(create, drop)]
