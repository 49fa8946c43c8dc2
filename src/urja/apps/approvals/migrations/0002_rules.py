"""Answers of authenticators have a size."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
