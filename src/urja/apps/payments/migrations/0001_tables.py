"""Orders, payments, refunds, settlements and the inbox of webhooks."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("books", "0001_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="books.account"
                    ),
                ),
                ("user_id", models.BigIntegerField(null=True)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("provider", models.CharField(max_length=32)),
                ("provider_order_id", models.CharField(max_length=64, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("created", "Created"),
                            ("pending", "Pending"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                            ("paid", "Paid"),
                            ("credited", "Credited"),
                            ("reversed", "Reversed"),
                        ],
                        db_default="created",
                        default="created",
                        max_length=16,
                    ),
                ),
                ("correlation", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                ("pending_at", models.DateTimeField(null=True)),
                ("paid_at", models.DateTimeField(null=True)),
                ("credited_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ask_at", models.DateTimeField(null=True)),
                ("asked", models.IntegerField(db_default=0, default=0)),
                ("last_error", models.CharField(blank=True, db_default="", default="", max_length=200)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "-created_at"], name="payments_order_by_account"),
                    models.Index(
                        condition=models.Q(("ask_at__isnull", False)),
                        fields=["ask_at"],
                        name="payments_order_to_ask",
                    ),
                    models.Index(
                        condition=models.Q(("state", "created")),
                        fields=["created_at"],
                        name="payments_order_to_place",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "provider_order_id"), name="payments_order_of_provider"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="payments_order_is_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                ("payment_id", models.CharField(max_length=64)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="payments.order",
                    ),
                ),
                ("account_id", models.BigIntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("created", "Created"),
                            ("failed", "Failed"),
                            ("authorised", "Authorised"),
                            ("captured", "Captured"),
                            ("refunded", "Refunded"),
                        ],
                        max_length=16,
                    ),
                ),
                ("method", models.CharField(blank=True, default="", max_length=32)),
                ("error", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("authorised_at", models.DateTimeField(null=True)),
                ("captured_at", models.DateTimeField(null=True)),
                ("credit_id", models.BigIntegerField(null=True)),
                ("refunded_minor", models.BigIntegerField(default=0)),
                ("settled_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("authorised_at__isnull", False), ("credit_id", None)),
                        fields=["account_id"],
                        name="payments_authorised",
                    ),
                    models.Index(
                        condition=models.Q(("credit_id__isnull", False), ("settled_at", None)),
                        fields=["captured_at"],
                        name="payments_in_transit",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "payment_id"), name="payments_payment_id")
                ],
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                ("refund_id", models.CharField(max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[("refund", "Refund"), ("dispute", "Dispute")], default="refund", max_length=8
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="payments.payment",
                    ),
                ),
                ("amount_minor", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("debit_id", models.BigIntegerField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("debit_id__isnull", False), ("settled_at", None)),
                        fields=["seen_at"],
                        name="payments_refund_in_transit",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "refund_id"), name="payments_refund_id")
                ],
            },
        ),
        migrations.CreateModel(
            name="Inbox",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                (
                    "source",
                    models.CharField(
                        choices=[("webhook", "Webhook"), ("return", "Return")],
                        default="webhook",
                        max_length=8,
                    ),
                ),
                ("order_id", models.BigIntegerField(null=True)),
                ("body", models.BinaryField()),
                ("headers", models.JSONField(db_default={}, default=dict)),
                ("received_at", models.DateTimeField()),
                ("received_wall_ms", models.BigIntegerField()),
                ("processed_at", models.DateTimeField(null=True)),
                ("verdict", models.CharField(blank=True, db_default="", default="", max_length=32)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("processed_at", None)),
                        fields=["id"],
                        name="payments_inbox_waiting",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("processed_at", None), ("source", "return")),
                        fields=("provider", "order_id"),
                        name="payments_inbox_one_return",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Unmatched",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                ("payment_id", models.CharField(max_length=64)),
                ("order_id", models.BigIntegerField(null=True)),
                ("amount_minor", models.BigIntegerField()),
                ("reason", models.CharField(max_length=32)),
                ("detail", models.JSONField(default=dict)),
                ("seen_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "payment_id", "reason", "amount_minor"),
                        name="payments_unmatched_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SettlementReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                ("day", models.DateField()),
                ("asked_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
            ],
            options={
                "db_table": "payments_settlement_report",
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "day"), name="payments_settlement_report_day")
                ],
            },
        ),
        migrations.CreateModel(
            name="SettlementRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("provider", models.CharField(max_length=32)),
                ("entity_id", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=32)),
                ("payment_id", models.CharField(blank=True, max_length=64)),
                ("settlement_id", models.CharField(max_length=64)),
                ("utr", models.CharField(blank=True, max_length=64)),
                ("day", models.DateField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("fee_minor", models.BigIntegerField()),
                ("tax_minor", models.BigIntegerField()),
                ("credit_minor", models.BigIntegerField()),
                ("debit_minor", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("matched_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "payments_settlement_row",
                "indexes": [
                    models.Index(fields=["-day", "settlement_id"], name="payments_settlement_by_day"),
                    models.Index(
                        condition=models.Q(("matched_at", None)),
                        fields=["id"],
                        name="payments_settlement_unmatched",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "entity_id"), name="payments_settlement_row_entity"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="GatewayHealth",
            fields=[
                ("provider", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("first_asked_at", models.DateTimeField()),
                ("last_asked_at", models.DateTimeField()),
                ("last_answered_at", models.DateTimeField(null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                ("refunds_through_at", models.DateTimeField()),
            ],
            options={
                "db_table": "payments_gateway",
            },
        ),
    ]
