"""The check of a device's stock finds its rows by key, also while a table is loaded that was empty before."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("assets", "0003_clock_offset")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
