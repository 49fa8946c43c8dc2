"""A payout proves one refund."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("books", "0004_maintenance_accounts")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
