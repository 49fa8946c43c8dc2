"""Reads know the period in which they were recorded; a role of its own makes the day partitions."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("readings", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
