"""Payments for maintenance have a notice of their own."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("notices", "0005_search_path"), ("books", "0004_maintenance_accounts")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
