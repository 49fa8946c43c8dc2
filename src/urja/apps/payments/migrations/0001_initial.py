"""Orders, payments, refunds, the inbox of webhooks, and states that only go forward."""

import django.db.models.deletion
from django.db import migrations, models

NUMBERS = "CREATE SEQUENCE payments_number AS bigint"

FORWARD_ONLY = """
CREATE FUNCTION payments_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE rank CONSTANT jsonb := CASE TG_TABLE_NAME
    WHEN 'payments_order' THEN '{"created": 0, "pending": 1, "failed": 2, "expired": 3, "paid": 4, "credited": 5,
        "reversed": 6}'::jsonb
    ELSE '{"created": 0, "failed": 1, "authorized": 2, "captured": 3, "refunded": 4}'::jsonb END;
BEGIN
    IF (rank->>NEW.state)::int <= (rank->>OLD.state)::int THEN
        RAISE EXCEPTION '% % is %: it does not become %', TG_TABLE_NAME, OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_only_forward BEFORE UPDATE ON payments_order
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION payments_only_forward();
CREATE TRIGGER payments_only_forward BEFORE UPDATE ON payments_payment
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION payments_only_forward();
"""

# The web may say that an order is at the gateway; that money came, only the pipeline says.
WEB_ONLY_PLACES = """
CREATE FUNCTION payments_web_only_places() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the web does not make order % %', NEW.id, NEW.state USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER payments_web_only_places BEFORE INSERT OR UPDATE OF state ON payments_order
    FOR EACH ROW WHEN (current_user = 'urja_web' AND NEW.state NOT IN ('created', 'pending'))
    EXECUTE FUNCTION payments_web_only_places();
"""

# A payment that the bank has agreed to holds off a cut: the account is looked at again at once.
SUPPLY = """
CREATE TRIGGER supply_payment_authorised AFTER INSERT OR UPDATE OF state ON payments_payment
    FOR EACH ROW WHEN (NEW.state IN ('authorized', 'captured')) EXECUTE FUNCTION supply_account_changed();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("ledger", "0004_debits"),
        ("supply", "0002_changed"),
    ]

    operations = [
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
                ("event_id", models.CharField(max_length=100)),
                ("body", models.BinaryField()),
                ("signature", models.CharField(max_length=200)),
                ("genuine", models.BooleanField()),
                ("received_at", models.DateTimeField()),
                ("received_wall_ms", models.BigIntegerField()),
                ("processed_at", models.DateTimeField(null=True)),
                ("verdict", models.CharField(blank=True, default="", max_length=32)),
            ],
            options={
                "db_table": "payments_inbox",
                "indexes": [
                    models.Index(
                        condition=models.Q(("processed_at", None)),
                        fields=["id"],
                        name="payments_inbox_waiting",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
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
                ("asked", models.IntegerField(default=0)),
                ("last_error", models.CharField(blank=True, default="", max_length=200)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
            ],
            options={
                "db_table": "payments_order",
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
                ("account_id", models.BigIntegerField()),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("created", "Created"),
                            ("failed", "Failed"),
                            ("authorized", "Authorized"),
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
                ("authorized_at", models.DateTimeField(null=True)),
                ("captured_at", models.DateTimeField(null=True)),
                ("credit_id", models.BigIntegerField(null=True)),
                ("refunded_minor", models.BigIntegerField(default=0)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="payments.order",
                    ),
                ),
            ],
            options={
                "db_table": "payments_payment",
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
                ("amount_minor", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("debit_id", models.BigIntegerField(null=True)),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="payments.payment",
                    ),
                ),
            ],
            options={
                "db_table": "payments_refund",
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
                "db_table": "payments_unmatched",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "payment_id", "reason", "amount_minor"),
                        name="payments_unmatched_once",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["account", "-created_at"], name="payments_order_by_account"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("ask_at__isnull", False)), fields=["ask_at"], name="payments_order_to_ask"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                fields=("provider", "provider_order_id"), name="payments_order_of_provider"
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0)), name="payments_order_is_positive"
            ),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("authorized_at__isnull", False), ("credit_id", None)),
                fields=["account_id"],
                name="payments_authorised",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(fields=("provider", "payment_id"), name="payments_payment_id"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(fields=("provider", "refund_id"), name="payments_refund_id"),
        ),
        migrations.RunSQL(NUMBERS, "DROP SEQUENCE payments_number"),
        migrations.RunSQL(FORWARD_ONLY, "DROP FUNCTION payments_only_forward CASCADE"),
        migrations.RunSQL(WEB_ONLY_PLACES, "DROP FUNCTION payments_web_only_places CASCADE"),
        migrations.RunSQL(SUPPLY, "DROP TRIGGER supply_payment_authorised ON payments_payment"),
    ]
