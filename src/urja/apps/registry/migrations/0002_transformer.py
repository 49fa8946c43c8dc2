"""Transformers, and which of them feeds a service point."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Transformer",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("code", models.CharField(max_length=32, unique=True)),
                ("feeder", models.CharField(max_length=32)),
                ("name", models.CharField(blank=True, default="", max_length=200)),
            ],
            options={"db_table": "registry_transformer"},
        ),
        migrations.AddField(
            model_name="servicepoint",
            name="transformer",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="service_points",
                to="registry.transformer",
            ),
        ),
    ]
