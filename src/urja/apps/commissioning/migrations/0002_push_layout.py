"""What meters told of their pushes when they were commissioned."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commissioning", "0001_initial"), ("registry", "0022_address_is_confirmed")]

    operations = [
        migrations.CreateModel(
            name="PushLayout",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="push_layouts",
                        to="registry.device",
                    ),
                ),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="push_layouts",
                        to="commissioning.call",
                    ),
                ),
                ("firmware", models.CharField(max_length=32)),
                ("read_at", models.DateTimeField()),
                ("pushes", models.JSONField()),
            ],
            options={
                "db_table": "commissioning_push_layout",
                "indexes": [models.Index(fields=["device", "-read_at"], name="commissioning_newest_layout")],
            },
        ),
    ]
