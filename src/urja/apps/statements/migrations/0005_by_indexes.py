"""The checks of a statement go by indexes, also where their plan was made while the table was empty."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("statements", "0004_final")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
