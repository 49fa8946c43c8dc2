"""Entries are of the newest batch of their bucket, which one statement inserts."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("books", "0009_months")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
