"""Room on pages of closes and rated periods for the next version of each row."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("billing", "0013_deposit_demand")]

    operations = [
        migrations.RunSQL(
            sql_beside(__file__),
            "ALTER TABLE billing_close SET (fillfactor = 70); ALTER TABLE billing_rated SET (fillfactor = 70)",
        )
    ]
