"""States only go forward, and what comes in is bounded."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
