"""Security deposits that become due."""

import django.db.models.deletion
from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0012_subsidy_payment"),
        ("contracts", "0003_tariff_commodity"),
    ]

    operations = [
        migrations.CreateModel(
            name="DepositDemand",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("amount_minor", models.BigIntegerField()),
                ("due_on", models.DateField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "agreement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deposit_demands",
                        to="contracts.agreement",
                    ),
                ),
                (
                    "deposit",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="demand",
                        to="billing.deposit",
                    ),
                ),
            ],
            options={
                "db_table": "billing_deposit_demand",
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["due_on"],
                        name="billing_deposit_demand_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="billing_deposit_demand_amount"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("deposit", None), ("ended_at__isnull", False), _connector="OR"),
                        name="billing_deposit_demand_charged",
                    ),
                ],
            },
        ),
        migrations.RunSQL(sql_beside(__file__), migrations.RunSQL.noop),
    ]
