"""Calendars that meters held are kept by command: of two for one instant the last one recorded decides."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("determinants", "0002_meter_totals")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
