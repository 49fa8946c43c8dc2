"""Accounts, credit requests, and the sequence that numbers both."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE ledger_number AS bigint",
            "DROP SEQUENCE ledger_number",
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("bucket", models.SmallIntegerField()),
                (
                    "kind",
                    models.CharField(choices=[("consumer", "Consumer"), ("contra", "Contra")], max_length=16),
                ),
                ("code", models.CharField(blank=True, default="", max_length=64)),
                ("currency", models.CharField(max_length=3)),
                ("balance_minor", models.BigIntegerField(default=0)),
                ("last_seq", models.BigIntegerField(default=0)),
                (
                    "last_hash",
                    models.BinaryField(
                        default=b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
                        max_length=32,
                    ),
                ),
                ("last_batch", models.BigIntegerField(default=0)),
                ("opened_at", models.DateTimeField()),
            ],
            options={
                "db_table": "ledger_account",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "contra")),
                        fields=("bucket", "code", "currency"),
                        name="ledger_one_contra_per_bucket",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("code", ""), ("kind", "consumer")),
                            models.Q(("kind", "contra"), models.Q(("code", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="ledger_contra_has_code",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditRequest",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("amount_minor", models.BigIntegerField()),
                ("kind", models.CharField(max_length=32)),
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
                        related_name="credit_requests",
                        to="ledger.account",
                    ),
                ),
            ],
            options={
                "db_table": "ledger_credit_request",
                "indexes": [
                    models.Index(
                        condition=models.Q(("posted_at", None)), fields=["id"], name="ledger_credit_unposted"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="ledger_credit_is_positive"
                    )
                ],
            },
        ),
    ]
