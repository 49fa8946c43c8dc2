"""The column of what was rated is named for the billed quantity: energy in Wh or gas in litres."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_unit_bank")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE billing_rated RENAME COLUMN energy_wh TO billed_value",
            "ALTER TABLE billing_rated RENAME COLUMN billed_value TO energy_wh",
        )
    ]
