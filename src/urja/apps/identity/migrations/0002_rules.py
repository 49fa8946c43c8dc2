"""Addresses to sign in with are confirmed, and what happens at the door stays."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("identity", "0001_tables"), ("journal", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
