"""Uploads are small and few, and so are the requests of one."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("sheets", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
