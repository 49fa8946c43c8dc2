"""Receipts may be for maintenance."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("counter", "0003_transfers"), ("books", "0004_maintenance_accounts")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
