"""What is left when a supply has ended: paid back or transferred, once every day of it is charged."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0007_ended"),
    ]

    operations = [
        migrations.CreateModel(
            name="FinalSettlement",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("agreement_id", models.BigIntegerField(unique=True)),
                ("last_day", models.DateField()),
                (
                    "way",
                    models.CharField(choices=[("refund", "Refund"), ("transfer", "Transfer")], max_length=16),
                ),
                ("asked_at", models.DateTimeField()),
                ("operation_id", models.BigIntegerField()),
                ("settled_at", models.DateTimeField(null=True)),
                ("amount_minor", models.BigIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="final_settlements",
                        to="ledger.account",
                    ),
                ),
                (
                    "to_account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.account",
                    ),
                ),
            ],
            options={
                "db_table": "ledger_final_settlement",
                "indexes": [models.Index(fields=["operation_id"], name="ledger_final_operation")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("to_account__isnull", False), ("way", "transfer")),
                            models.Q(("to_account", None), ("way", "refund")),
                            _connector="OR",
                        ),
                        name="ledger_final_transfer_goes_somewhere",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gte", 0)), name="ledger_final_amount"
                    ),
                ],
            },
        ),
    ]
