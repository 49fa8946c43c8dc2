"""An entry that a gateway's payout or a cheque of a slip explains is credited to no account as a transfer."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0005_consumer_accounts"), ("counter", "0002_rules"), ("payments", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
