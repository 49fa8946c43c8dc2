"""An index of the months in which entries were posted, of some bytes for each megabyte of entries."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("books", "0008_entries_in_batches")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
