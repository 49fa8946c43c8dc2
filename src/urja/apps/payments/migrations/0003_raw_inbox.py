"""What comes in is stored raw and bounded; orders are placed at the gateway by the pipeline."""

from django.db import migrations, models

# The web may fill a table that the pipeline empties, but no disk. It may not count what waits, so the owner does.
BOUNDED = """
ALTER TABLE payments_inbox ADD CONSTRAINT payments_inbox_is_small CHECK (octet_length(body) <= 65536) NOT VALID;
CREATE FUNCTION payments_inbox_is_bounded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM payments_inbox WHERE processed_at IS NULL LIMIT 2000) waiting) >= 2000 THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_inbox_is_bounded BEFORE INSERT ON payments_inbox
    FOR EACH ROW EXECUTE FUNCTION payments_inbox_is_bounded();
"""
UNBOUNDED = """
DROP FUNCTION payments_inbox_is_bounded CASCADE;
ALTER TABLE payments_inbox DROP CONSTRAINT payments_inbox_is_small;
"""

WEB_ONLY_PLACES = """
CREATE FUNCTION payments_web_only_places() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the web does not make order % %', NEW.id, NEW.state USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER payments_web_only_places BEFORE INSERT OR UPDATE OF state ON payments_order
    FOR EACH ROW WHEN (current_user = 'urja_web' AND NEW.state NOT IN ('created', 'pending'))
    EXECUTE FUNCTION payments_web_only_places();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0002_settlements"),
    ]

    operations = [
        # The role has no right to name the column any more.
        migrations.RunSQL("DROP FUNCTION payments_web_only_places CASCADE", WEB_ONLY_PLACES),
        migrations.AlterField(
            model_name="order",
            name="state",
            field=models.CharField(
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
        migrations.AlterField(
            model_name="order", name="asked", field=models.IntegerField(db_default=0, default=0)
        ),
        migrations.AlterField(
            model_name="order",
            name="last_error",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("state", "created")),
                fields=["created_at"],
                name="payments_order_to_place",
            ),
        ),
        migrations.RemoveField(model_name="inbox", name="genuine"),
        migrations.AddField(
            model_name="inbox",
            name="source",
            field=models.CharField(
                choices=[("webhook", "Webhook"), ("return", "Return")], default="webhook", max_length=8
            ),
        ),
        migrations.AlterField(
            model_name="inbox",
            name="verdict",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddConstraint(
            model_name="inbox",
            constraint=models.UniqueConstraint(
                condition=models.Q(("processed_at", None), ("source", "return")),
                fields=("provider", "event_id"),
                name="payments_inbox_one_return",
            ),
        ),
        migrations.RunSQL(BOUNDED, UNBOUNDED),
    ]
