"""Rated periods have their end: they may be other than a month long."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_unit_number")]

    operations = [migrations.RunSQL(sql_beside(__file__), "ALTER TABLE billing_rated DROP COLUMN period_end")]
