"""Entries are checked by the batch."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("books", "0007_not_counted")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
