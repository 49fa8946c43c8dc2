"""Columns of accruals are named for what they hold: values of the billed quantity, energy in Wh or gas in litres."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("readings", "0008_phase_events")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
