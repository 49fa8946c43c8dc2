"""Payouts of gateways are found on statements by their reference."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0003_approvals"), ("payments", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
