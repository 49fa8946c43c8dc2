"""The notice of a reconnection has the kind `reconnected`, as have the rows of those that were requested."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("notices", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
