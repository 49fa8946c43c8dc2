"""Terms name no tariff of another commodity than their service point supplies."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("contracts", "0002_rules"), ("rulebook", "0003_commodity")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
