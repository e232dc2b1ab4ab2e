from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("doqchat", "0007_administration")]

    operations = [
        migrations.RenameField("webhookendpoint", "secret", "seed"),
        migrations.RenameField("webhookendpoint", "previous_secret", "previous_seed"),
    ]
