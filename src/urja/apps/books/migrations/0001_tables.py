"""Accounts, and requests to credit and to debit them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
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
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "contra")),
                        fields=("bucket", "code", "currency"),
                        name="books_one_contra_per_bucket",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("code", ""), ("kind", "consumer")),
                            models.Q(("kind", "contra"), models.Q(("code", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="books_contra_has_code",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditRequest",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credit_requests",
                        to="books.account",
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("kind", models.CharField(max_length=32)),
                ("reference", models.CharField(blank=True, default="", max_length=200)),
                ("idempotency_key", models.CharField(max_length=200, unique=True)),
                ("input_hash", models.BinaryField(max_length=32)),
                ("correlation", models.BigIntegerField(default=0)),
                ("requested_at", models.DateTimeField()),
                ("posted_at", models.DateTimeField(null=True)),
                ("posted_seq", models.BigIntegerField(null=True)),
                ("arrears_minor", models.BigIntegerField(db_default=0, default=0)),
            ],
            options={
                "db_table": "books_credit_request",
                "indexes": [
                    models.Index(
                        condition=models.Q(("posted_at", None)), fields=["id"], name="books_credit_unposted"
                    ),
                    models.Index(fields=["posted_at"], name="books_credit_posted"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="books_credit_is_positive"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DebitRequest",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="debit_requests",
                        to="books.account",
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("kind", models.CharField(max_length=32)),
                ("reverses", models.CharField(max_length=32)),
                (
                    "credit",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="debits",
                        to="books.creditrequest",
                    ),
                ),
                ("reference", models.CharField(blank=True, default="", max_length=200)),
                ("idempotency_key", models.CharField(max_length=200, unique=True)),
                ("input_hash", models.BinaryField(max_length=32)),
                ("correlation", models.BigIntegerField(default=0)),
                ("requested_at", models.DateTimeField()),
                ("posted_at", models.DateTimeField(null=True)),
                ("posted_seq", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "books_debit_request",
                "indexes": [
                    models.Index(
                        condition=models.Q(("posted_at", None)), fields=["id"], name="books_debit_unposted"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="books_debit_is_positive"
                    )
                ],
            },
        ),
    ]
