"""Requests to take a credit back: posted as entries of their own."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0003_rated"),
    ]

    operations = [
        migrations.CreateModel(
            name="DebitRequest",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("amount_minor", models.BigIntegerField()),
                ("kind", models.CharField(max_length=32)),
                ("reverses", models.CharField(max_length=32)),
                ("reference", models.CharField(blank=True, default="", max_length=200)),
                ("idempotency_key", models.CharField(max_length=200, unique=True)),
                ("input_hash", models.BinaryField(max_length=32)),
                ("correlation", models.BigIntegerField(default=0)),
                ("requested_at", models.DateTimeField()),
                ("posted_at", models.DateTimeField(null=True)),
                ("posted_seq", models.BigIntegerField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="debit_requests",
                        to="ledger.account",
                    ),
                ),
            ],
            options={
                "db_table": "ledger_debit_request",
                "indexes": [
                    models.Index(
                        condition=models.Q(("posted_at", None)), fields=["id"], name="ledger_debit_unposted"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="ledger_debit_is_positive"
                    )
                ],
            },
        ),
    ]
