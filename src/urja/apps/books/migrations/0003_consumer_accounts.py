"""Credits and debits are requested for consumers' accounts only."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("books", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
