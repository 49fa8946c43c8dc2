"""The pipeline is notified of orders and of what gateways call."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("payments", "0004_bounded_orders"), ("journal", "0006_notified")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
