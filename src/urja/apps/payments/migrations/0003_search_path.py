"""A function with its owner's rights finds no temporary table of its caller."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_rules")]

    operations = [
        migrations.RunSQL(
            "ALTER FUNCTION payments_inbox_is_bounded() SET search_path = pg_catalog, public, pg_temp;"
        )
    ]
