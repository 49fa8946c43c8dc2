"""Several channels: a notice says which carries it, and a receipt is kept with the headers that its provider names."""

from django.db import migrations, models

SMALL = """
ALTER TABLE notices_receipt ADD CONSTRAINT notices_receipt_headers_are_small
    CHECK (octet_length(headers::text) <= 16384) NOT VALID
"""


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0007_raw_receipts"),
    ]

    operations = [
        # What waits under the old column is learned by asking.
        migrations.RunSQL("DELETE FROM notices_receipt WHERE applied_at IS NULL", migrations.RunSQL.noop),
        migrations.RemoveField(model_name="receipt", name="signature"),
        migrations.AddField(
            model_name="receipt", name="headers", field=models.JSONField(db_default={}, default=dict)
        ),
        migrations.AlterField(model_name="receipt", name="provider", field=models.CharField(max_length=32)),
        migrations.RunSQL(
            SMALL, "ALTER TABLE notices_receipt DROP CONSTRAINT notices_receipt_headers_are_small"
        ),
        migrations.AddField(
            model_name="notice",
            name="service",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AlterField(
            model_name="notice",
            name="recipient",
            field=models.CharField(blank=True, default="", max_length=320),
        ),
        migrations.RunSQL(
            "UPDATE notices_notice SET service = 'sms' WHERE channel = 'sms'", migrations.RunSQL.noop
        ),
    ]
