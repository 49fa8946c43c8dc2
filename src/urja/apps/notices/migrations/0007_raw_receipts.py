"""Receipts are stored raw, with their signature, and bounded; the pipeline verifies them."""

from django.db import migrations, models

# The web may fill a table that the pipeline empties, but no disk. It may not count what waits, so the owner does.
BOUNDED = """
ALTER TABLE notices_receipt ADD CONSTRAINT notices_receipt_is_small CHECK (octet_length(body) <= 16384) NOT VALID;
CREATE FUNCTION notices_receipt_is_bounded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM notices_receipt WHERE applied_at IS NULL LIMIT 2000) waiting) >= 2000 THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER notices_receipt_is_bounded BEFORE INSERT ON notices_receipt
    FOR EACH ROW EXECUTE FUNCTION notices_receipt_is_bounded();
"""
UNBOUNDED = """
DROP FUNCTION notices_receipt_is_bounded CASCADE;
ALTER TABLE notices_receipt DROP CONSTRAINT notices_receipt_is_small;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0006_letters"),
    ]

    operations = [
        # What waits was recorded by a web that verified: it carries no signature, and is learned by asking.
        migrations.RunSQL("DELETE FROM notices_receipt WHERE applied_at IS NULL", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="receipt", name="signature", field=models.CharField(default="", max_length=200)
        ),
        migrations.AlterField(
            model_name="receipt",
            name="outcome",
            field=models.CharField(blank=True, db_default="", default="", max_length=16),
        ),
        migrations.RunSQL(BOUNDED, UNBOUNDED),
    ]
