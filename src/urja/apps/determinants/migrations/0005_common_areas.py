"""Energy of common areas by day, shared among agreements."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("determinants", "0004_rows_in_batches"), ("network", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
