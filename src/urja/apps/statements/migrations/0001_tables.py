"""Statements of account, and the periods that they are due for."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("books", "0004_maintenance_accounts"), ("contracts", "0005_ended")]

    operations = [
        migrations.CreateModel(
            name="Statement",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("bucket", models.SmallIntegerField()),
                ("number", models.BigIntegerField()),
                ("period_start", models.DateField()),
                ("period_end", models.DateField()),
                ("through_seq", models.BigIntegerField()),
                ("opening_minor", models.BigIntegerField()),
                ("closing_minor", models.BigIntegerField()),
                ("total_minor", models.BigIntegerField()),
                ("content", models.TextField()),
                ("previous_sha256", models.BinaryField(max_length=32)),
                ("sha256", models.BinaryField(max_length=32)),
                ("made_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.account"
                    ),
                ),
                (
                    "agreement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="contracts.agreement",
                    ),
                ),
                (
                    "revises",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="revision",
                        to="statements.statement",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "-period_start", "-number"], name="statements_of_account")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=["bucket", "number"], name="statements_one_number"),
                    models.UniqueConstraint(
                        condition=models.Q(("revises", None)),
                        fields=["agreement", "period_start"],
                        name="statements_one_of_a_period",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("period_end__gt", models.F("period_start"))),
                        name="statements_period_has_days",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DueStatement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("period_start", models.DateField()),
                ("bucket", models.SmallIntegerField()),
                ("closed", models.BooleanField()),
                ("due_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                (
                    "agreement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="contracts.agreement",
                    ),
                ),
            ],
            options={
                "db_table": "statements_due",
                "indexes": [models.Index(fields=["due_at"], name="statements_due_at")],
                "constraints": [
                    models.UniqueConstraint(fields=["agreement", "period_start"], name="statements_due_once")
                ],
            },
        ),
    ]
