"""The counter of each device, and a life that only goes forward."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("commands", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
