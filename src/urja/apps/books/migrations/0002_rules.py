"""Entries: the database itself refuses what would break a conservation law."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("books", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
