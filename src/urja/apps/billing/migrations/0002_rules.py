"""How far agreements are closed, what they were rated from, and what was paid of which bill."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_tables"), ("journal", "0002_rules"), ("books", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
