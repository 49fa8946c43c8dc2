"""Numbers, the counter of changes, what was there before and what was known when. The functions that other apps' tables
and statements use are here, below them all."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("journal", "0001_tables")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
