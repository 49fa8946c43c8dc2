"""The pipeline is notified of requests for spreadsheets."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("sheets", "0004_shares"), ("journal", "0006_notified")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
