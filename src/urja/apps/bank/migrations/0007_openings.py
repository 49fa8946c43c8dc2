"""A statement after a gap has two passkeys, and no statement is of days to come."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0006_explained")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
