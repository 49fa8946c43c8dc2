"""Agreements are consumers', and their terms follow each other."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [
        ("contracts", "0001_tables"),
        ("journal", "0002_rules"),
        ("network", "0002_rules"),
        ("assets", "0002_rules"),
        ("people", "0002_rules"),
        ("identity", "0002_rules"),
    ]

    operations = [migrations.RunSQL(sql_beside(__file__))]
