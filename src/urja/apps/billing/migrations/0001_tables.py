"""Deposits, arrears, instalments, and what is left when a supply has ended."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("books", "0001_tables"),
        ("contracts", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Deposit",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "agreement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deposits",
                        to="contracts.agreement",
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("taken_at", models.DateTimeField()),
                ("returned_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="billing_deposit_amount"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("returned_at", None), ("returned_at__gte", models.F("taken_at")), _connector="OR"
                        ),
                        name="billing_deposit_times",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Arrear",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="arrears",
                        to="books.account",
                    ),
                ),
                ("bill", models.CharField(max_length=32)),
                ("due_on", models.DateField()),
                ("principal_minor", models.BigIntegerField()),
                ("surcharge_minor", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "bill"), name="billing_one_arrear"),
                    models.CheckConstraint(
                        condition=models.Q(("principal_minor__gte", 0), ("surcharge_minor__gte", 0)),
                        name="billing_arrear_amounts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InstalmentPlan",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instalment_plans",
                        to="books.account",
                    ),
                ),
                ("every", models.CharField(choices=[("day", "Day"), ("month", "Month")], max_length=8)),
                ("amount_minor", models.BigIntegerField()),
            ],
            options={
                "db_table": "billing_instalment_plan",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to", None), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                        ),
                        name="billing_instalment_plan_ends_after_it_begins",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="billing_instalment_amount"
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            (
                                models.Func(
                                    models.F("account"),
                                    models.F("account"),
                                    models.Value("[]"),
                                    function="int8range",
                                ),
                                "&&",
                            ),
                            (
                                models.Func(
                                    models.F("valid_from"),
                                    models.F("valid_to"),
                                    django.contrib.postgres.fields.ranges.RangeBoundary(),
                                    function="tstzrange",
                                    output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="billing_one_instalment_plan",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ArrearPayment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "arrear",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="billing.arrear",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.account"
                    ),
                ),
                ("seq", models.BigIntegerField()),
                ("surcharge_minor", models.BigIntegerField()),
                ("principal_minor", models.BigIntegerField()),
            ],
            options={
                "db_table": "billing_arrear_payment",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "seq", "arrear"), name="billing_arrear_paid_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Instalment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="instalments",
                        to="billing.instalmentplan",
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.account"
                    ),
                ),
                ("seq", models.BigIntegerField()),
                ("due_on", models.DateField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("plan", "due_on"), name="billing_instalment_once"),
                    models.UniqueConstraint(fields=("account", "seq"), name="billing_instalment_entry"),
                ],
            },
        ),
        migrations.CreateModel(
            name="FinalSettlement",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("agreement_id", models.BigIntegerField(unique=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="final_settlements",
                        to="books.account",
                    ),
                ),
                ("last_day", models.DateField()),
                (
                    "way",
                    models.CharField(choices=[("refund", "Refund"), ("transfer", "Transfer")], max_length=16),
                ),
                (
                    "to_account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="books.account",
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("operation_id", models.BigIntegerField()),
                ("settled_at", models.DateTimeField(null=True)),
                ("amount_minor", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "billing_final_settlement",
                "indexes": [models.Index(fields=["operation_id"], name="billing_final_operation")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("to_account__isnull", False), ("way", "transfer")),
                            models.Q(("to_account", None), ("way", "refund")),
                            _connector="OR",
                        ),
                        name="billing_final_transfer_goes_somewhere",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gte", 0)), name="billing_final_amount"
                    ),
                ],
            },
        ),
    ]
