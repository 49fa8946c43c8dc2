"""The pipeline is notified of orders and of what gateways call."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_search_path"), ("journal", "0006_notified")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
