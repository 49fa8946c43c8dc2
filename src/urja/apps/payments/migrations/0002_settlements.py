"""What the gateway paid out, row by row, and what of our payments and refunds stands in it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0001_initial"),
    ]

    operations = [
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
            },
        ),
        migrations.AddField(
            model_name="payment",
            name="settled_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="refund",
            name="settled_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("credit_id__isnull", False), ("settled_at", None)),
                fields=["captured_at"],
                name="payments_in_transit",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("debit_id__isnull", False), ("settled_at", None)),
                fields=["seen_at"],
                name="payments_refund_in_transit",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementreport",
            constraint=models.UniqueConstraint(
                fields=("provider", "day"), name="payments_settlement_report_day"
            ),
        ),
        migrations.AddIndex(
            model_name="settlementrow",
            index=models.Index(fields=["-day", "settlement_id"], name="payments_settlement_by_day"),
        ),
        migrations.AddIndex(
            model_name="settlementrow",
            index=models.Index(
                condition=models.Q(("matched_at", None)), fields=["id"], name="payments_settlement_unmatched"
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementrow",
            constraint=models.UniqueConstraint(
                fields=("provider", "entity_id"), name="payments_settlement_row_entity"
            ),
        ),
    ]
