"""The inbox of changes, and what is written to it."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [
        ("supply", "0001_tables"),
        ("books", "0002_rules"),
        ("billing", "0002_rules"),
        ("contracts", "0002_rules"),
        ("people", "0002_rules"),
        ("payments", "0002_rules"),
        ("notices", "0002_rules"),
        ("commands", "0002_rules"),
        ("work", "0002_rules"),
    ]

    operations = [migrations.RunSQL(sql_beside(__file__))]
