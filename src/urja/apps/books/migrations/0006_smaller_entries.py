"""Entries without a second hash of their content, and an index that stores each period of an agreement once."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("books", "0005_payouts")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
