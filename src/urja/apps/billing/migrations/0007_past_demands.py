"""Rated periods have the demands of earlier periods that ratchets went by."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_billed_value")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE billing_rated ADD COLUMN past_demands jsonb",
            "ALTER TABLE billing_rated DROP COLUMN past_demands",
        )
    ]
