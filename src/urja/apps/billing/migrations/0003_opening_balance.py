"""Opening balances are signed off before the first charge."""

import django.db.models.deletion
from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_rules"), ("contracts", "0003_tariff_commodity")]

    operations = [
        migrations.CreateModel(
            name="OpeningBalance",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("content_sha256", models.CharField(blank=True, db_default="", default="", max_length=64)),
                (
                    "agreement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="opening_balances",
                        to="contracts.agreement",
                    ),
                ),
            ],
            options={
                "db_table": "billing_opening_balance",
                "indexes": [models.Index(fields=["agreement", "-id"], name="billing_opening_newest")],
            },
        ),
        migrations.RunSQL(sql_beside(__file__)),
    ]
