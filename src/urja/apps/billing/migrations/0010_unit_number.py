"""Banked units have a number: the signed log has them in the order in which they were recorded."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_review")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
