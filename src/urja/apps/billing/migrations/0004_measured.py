"""Rated periods have the determinants that they were rated by."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_opening_balance")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE billing_rated ADD COLUMN measured jsonb",
            "ALTER TABLE billing_rated DROP COLUMN measured",
        )
    ]
