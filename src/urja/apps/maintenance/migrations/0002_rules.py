"""A maintenance account stands beside one for electricity; a due does not change, and is removed only by an undo."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("maintenance", "0001_tables"), ("journal", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
