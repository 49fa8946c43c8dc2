"""Meters without a load switch of their own: so far every meter had one, but those of transformers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0003_phone")]

    operations = [
        migrations.AddField(
            model_name="device",
            name="load_switch",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.RunSQL(
            "UPDATE registry_device SET load_switch = false WHERE device_type = 'urja-dt'",
            migrations.RunSQL.noop,
        ),
    ]
