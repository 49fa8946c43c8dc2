"""Determinant rows and the channel sets by which their values are read; neither is ever changed."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    initial = True
    dependencies = [("contracts", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
