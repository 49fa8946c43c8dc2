"""The cache of all web processes."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [migrations.RunSQL(sql_beside(__file__))]
