"""Versions are never changed, and are what their hash says."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("meter_types", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
