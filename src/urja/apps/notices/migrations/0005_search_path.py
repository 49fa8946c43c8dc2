"""A function with its owner's rights finds no temporary table of its caller."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("notices", "0004_receipts")]

    operations = [
        migrations.RunSQL(
            "ALTER FUNCTION notices_receipt_is_bounded() SET search_path = pg_catalog, public, pg_temp;"
        )
    ]
