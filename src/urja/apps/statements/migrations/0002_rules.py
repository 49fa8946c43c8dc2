"""A statement is the ledger's, has the next number of its series, and stays as it is."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [
        ("statements", "0001_tables"),
        ("books", "0005_payouts"),
        ("billing", "0004_measured"),
        ("contracts", "0005_ended"),
    ]

    operations = [migrations.RunSQL(sql_beside(__file__))]
