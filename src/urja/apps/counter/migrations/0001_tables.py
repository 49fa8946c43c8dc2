"""Drawers, receipts and deposits."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("approvals", "0002_rules"),
        ("books", "0002_rules"),
        ("network", "0002_rules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Deposit",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(unique=True)),
                ("deposited_on", models.DateField()),
                ("reference", models.CharField(blank=True, default="", max_length=100)),
                ("currency", models.CharField(max_length=3)),
                ("cash_minor", models.BigIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("cash_minor__gte", 0)), name="counter_deposit_amount"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Drawer",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("currency", models.CharField(max_length=3)),
                ("ceiling_minor", models.BigIntegerField()),
                ("float_minor", models.BigIntegerField()),
                ("opened_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("counted_minor", models.BigIntegerField(null=True)),
                ("difference_minor", models.BigIntegerField(null=True)),
                ("counts", models.JSONField(default=list)),
                ("explanation", models.CharField(blank=True, default="", max_length=500)),
                ("closed_by", models.CharField(blank=True, default="", max_length=100)),
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField()),
                (
                    "approval",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="approvals.waiting",
                    ),
                ),
                (
                    "cashier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "premise",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="network.premise",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DepositCash",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("amount_minor", models.BigIntegerField()),
                ("from_open", models.BooleanField()),
                (
                    "deposit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="cash", to="counter.deposit"
                    ),
                ),
                (
                    "drawer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deposited",
                        to="counter.drawer",
                    ),
                ),
            ],
            options={
                "db_table": "counter_deposit_cash",
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("series", models.CharField(blank=True, default="", max_length=64)),
                ("number", models.BigIntegerField()),
                ("consumer_number", models.CharField(max_length=32)),
                (
                    "instrument",
                    models.CharField(
                        choices=[
                            ("cash", "Cash"),
                            ("cheque", "Cheque"),
                            ("transfer", "Transfer"),
                            ("upi", "Upi"),
                        ],
                        max_length=8,
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("received_at", models.DateTimeField()),
                ("cheque_number", models.CharField(blank=True, default="", max_length=20)),
                ("cheque_bank", models.CharField(blank=True, default="", max_length=100)),
                ("cheque_date", models.DateField(null=True)),
                ("source", models.CharField(blank=True, default="", max_length=100)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("taken", "Taken"),
                            ("cleared", "Cleared"),
                            ("returned", "Returned"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="taken",
                        max_length=9,
                    ),
                ),
                ("state_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.account"
                    ),
                ),
                (
                    "deposit",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cheques",
                        to="counter.deposit",
                    ),
                ),
                (
                    "drawer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="counter.drawer",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="drawer",
            index=models.Index(fields=["cashier", "opened_at"], name="counter_drawer_of"),
        ),
        migrations.AddConstraint(
            model_name="drawer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("approval__isnull", False), ("closed_at", None)),
                fields=("cashier",),
                name="counter_one_open_drawer",
            ),
        ),
        migrations.AddConstraint(
            model_name="drawer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ceiling_minor__gt", 0),
                    ("expires_at__gt", models.F("opened_at")),
                    ("float_minor__gte", 0),
                ),
                name="counter_drawer_amounts",
            ),
        ),
        migrations.AddConstraint(
            model_name="drawer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("counted_minor", None), ("difference_minor", None)),
                    models.Q(
                        ("closed_at__isnull", False),
                        ("counted_minor__gte", 0),
                        ("difference_minor__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="counter_counted_when_closed",
            ),
        ),
        migrations.AddConstraint(
            model_name="drawer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("difference_minor", None),
                    ("difference_minor", 0),
                    models.Q(("explanation", ""), _negated=True),
                    _connector="OR",
                ),
                name="counter_difference_is_explained",
            ),
        ),
        migrations.AddConstraint(
            model_name="depositcash",
            constraint=models.UniqueConstraint(fields=("deposit", "drawer"), name="counter_deposit_once"),
        ),
        migrations.AddConstraint(
            model_name="depositcash",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="counter_deposit_cash_amount"
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(fields=["account", "received_at"], name="counter_receipt_of"),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(fields=["received_at"], name="counter_receipt_at"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(fields=("series", "number"), name="counter_one_number"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(
                condition=models.Q(("source", ""), _negated=True),
                fields=("source",),
                name="counter_one_source",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="counter_receipt_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("drawer__isnull", False), ("instrument__in", ("cash", "cheque")), ("source", "")
                    ),
                    models.Q(
                        models.Q(("instrument__in", ("cash", "cheque")), _negated=True),
                        ("drawer", None),
                        models.Q(("source", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="counter_receipt_of_a_drawer",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("instrument", "cheque"), _negated=True),
                    models.Q(
                        models.Q(("cheque_number", ""), _negated=True),
                        models.Q(("cheque_bank", ""), _negated=True),
                        ("cheque_date__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="counter_cheque_is_named",
            ),
        ),
    ]
