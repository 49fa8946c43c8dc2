"""A ledger of the units that net metering banks, beside money."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0004_measured"),
        ("contracts", "0003_tariff_commodity"),
        ("determinants", "0003_calendars_by_command"),
        ("rulebook", "0005_heat_values"),
    ]

    operations = [migrations.RunSQL(sql_beside(__file__))]
