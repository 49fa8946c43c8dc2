"""What has happened is told; receipts are bounded; a person is forgotten."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0001_tables"),
        ("books", "0002_rules"),
        ("contracts", "0002_rules"),
        ("identity", "0002_rules"),
        ("people", "0002_rules"),
        ("journal", "0002_rules"),
        ("commands", "0002_rules"),
    ]

    operations = [migrations.RunSQL(sql_beside(__file__))]
