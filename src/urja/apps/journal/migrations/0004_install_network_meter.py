"""Audit and requests have the last name of the operation that installs a meter of the network."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("journal", "0003_dry_run")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
