"""Collection is judged by area."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("network", "0002_rules"), ("supply", "0004_maintenance")]

    operations = [
        migrations.CreateModel(
            name="AreaHealth",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("from_at", models.DateTimeField()),
                ("until_at", models.DateTimeField(null=True)),
                ("collection", models.BooleanField()),
                ("meters", models.IntegerField()),
                ("meters_young", models.IntegerField()),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="network.node"
                    ),
                ),
            ],
            options={
                "db_table": "supply_area_health",
                "indexes": [models.Index(fields=["node", "from_at"], name="supply_area_health_node")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until_at", None)),
                        fields=("node",),
                        name="supply_one_area_health",
                    )
                ],
            },
        ),
    ]
