"""Payments for maintenance cause no decision."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("supply", "0003_reconnection"), ("books", "0004_maintenance_accounts")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
