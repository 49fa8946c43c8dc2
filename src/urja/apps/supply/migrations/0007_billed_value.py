"""The column of what an account had used is named for the billed quantity: energy in Wh or gas in litres."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("supply", "0006_notices_to_staff")]

    operations = [migrations.RenameField("state", "seen_energy_wh", "seen_billed_value")]
