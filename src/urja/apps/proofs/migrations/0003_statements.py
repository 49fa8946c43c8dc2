"""Leaves of statements of account."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("proofs", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
