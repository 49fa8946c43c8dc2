"""Rows are checked a batch at a time, and those whose energies are not estimated store no zeros."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("determinants", "0003_calendars_by_command")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
