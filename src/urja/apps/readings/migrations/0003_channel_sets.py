"""Values are arrays beside the channel set that says what they are: no column is named for a quantity."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("readings", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
