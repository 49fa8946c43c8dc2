"""Leaves of banked units."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("proofs", "0003_statements")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
