"""Which users may sign in by mobile number is decided by the database."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0005_cashier"),
        ("journal", "0002_rules"),
        ("people", "0002_rules"),
        ("mfa", "0001_initial"),
    ]

    operations = [migrations.RunSQL(sql_beside(__file__))]
