"""The pipeline is notified of requests."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("journal", "0005_failures")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
