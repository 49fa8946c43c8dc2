"""A transfer is claimed for a consumer's account only."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0004_payouts"), ("books", "0003_consumer_accounts")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
