"""Several gateways: a webhook is kept with the headers that its provider names, and states are in our own words."""

from django.db import migrations, models

FORWARD_ONLY = """
CREATE OR REPLACE FUNCTION payments_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE rank CONSTANT jsonb := CASE TG_TABLE_NAME
    WHEN 'payments_order' THEN '{{"created": 0, "pending": 1, "failed": 2, "expired": 3, "paid": 4, "credited": 5,
        "reversed": 6}}'::jsonb
    ELSE '{{"created": 0, "failed": 1, "{authorised}": 2, "captured": 3, "refunded": 4}}'::jsonb END;
BEGIN
    IF (rank->>NEW.state)::int <= (rank->>OLD.state)::int THEN
        RAISE EXCEPTION '% % is %: it does not become %', TG_TABLE_NAME, OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER supply_payment_authorised ON payments_payment;
UPDATE payments_payment SET state = '{authorised}' WHERE state = '{before}';
CREATE TRIGGER supply_payment_authorised AFTER INSERT OR UPDATE OF state ON payments_payment
    FOR EACH ROW WHEN (NEW.state IN ('{authorised}', 'captured')) EXECUTE FUNCTION supply_account_changed();
"""

SMALL = """
ALTER TABLE payments_inbox ADD CONSTRAINT payments_inbox_headers_are_small
    CHECK (octet_length(headers::text) <= 16384) NOT VALID
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0004_disputes"),
    ]

    operations = [
        # What waits under the old columns is told again, or learned by asking.
        migrations.RunSQL("DELETE FROM payments_inbox WHERE processed_at IS NULL", migrations.RunSQL.noop),
        migrations.RemoveConstraint(model_name="inbox", name="payments_inbox_one_return"),
        migrations.RemoveField(model_name="inbox", name="event_id"),
        migrations.RemoveField(model_name="inbox", name="signature"),
        migrations.AddField(model_name="inbox", name="order_id", field=models.BigIntegerField(null=True)),
        migrations.AddField(
            model_name="inbox", name="headers", field=models.JSONField(db_default={}, default=dict)
        ),
        migrations.AddConstraint(
            model_name="inbox",
            constraint=models.UniqueConstraint(
                condition=models.Q(("processed_at", None), ("source", "return")),
                fields=("provider", "order_id"),
                name="payments_inbox_one_return",
            ),
        ),
        migrations.RunSQL(
            SMALL, "ALTER TABLE payments_inbox DROP CONSTRAINT payments_inbox_headers_are_small"
        ),
        migrations.RemoveIndex(model_name="payment", name="payments_authorised"),
        migrations.RenameField(model_name="payment", old_name="authorized_at", new_name="authorised_at"),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                condition=models.Q(("authorised_at__isnull", False), ("credit_id", None)),
                fields=["account_id"],
                name="payments_authorised",
            ),
        ),
        migrations.AlterField(
            model_name="payment",
            name="state",
            field=models.CharField(
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
        migrations.RunSQL(
            FORWARD_ONLY.format(authorised="authorised", before="authorized"),
            FORWARD_ONLY.format(authorised="authorized", before="authorised"),
        ),
    ]
