"""How far the billing profile of each installed meter was read."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("readings", "0005_billed_alone")]

    operations = [
        # Every billing period that the meter ended up to there is stored, or the meter was asked and has none.
        migrations.RunSQL("ALTER TABLE readings_coverage ADD COLUMN billing_to_at timestamptz")
    ]
