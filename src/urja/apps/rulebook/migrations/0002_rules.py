"""A version of a tariff is never changed."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("rulebook", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
