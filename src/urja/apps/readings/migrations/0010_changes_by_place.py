"""Changes are looked up by service point when a day is closed."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("readings", "0009_billed_values")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
