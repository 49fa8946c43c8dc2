"""A meter's own totals: the calendar that it held, and why its totals were not used."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("determinants", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
