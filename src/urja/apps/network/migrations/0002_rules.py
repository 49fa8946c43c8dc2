"""Trees have no cycles; where places hang, now and as it was known."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("network", "0001_tables"), ("journal", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
