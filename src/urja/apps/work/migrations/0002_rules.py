"""A work order's life only goes forward; photographs are small, and are pictures."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("work", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
