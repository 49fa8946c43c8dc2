"""Changes of people are remembered, and their names are searched."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("people", "0001_tables"), ("journal", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
