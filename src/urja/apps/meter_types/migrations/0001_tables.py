"""Versions of meter types."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="MeterTypeVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=48)),
                ("version", models.CharField(max_length=32)),
                ("valid_from", models.DateField()),
                (
                    "firmware",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100)),
                ),
                ("text", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("loaded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
            ],
            options={
                "db_table": "meter_types_version",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name", "version"), name="meter_types_one_text_per_version"
                    )
                ],
            },
        ),
    ]
