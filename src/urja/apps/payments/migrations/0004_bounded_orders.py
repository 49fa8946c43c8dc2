"""The orders of an account that may still be paid are bounded."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_search_path")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
