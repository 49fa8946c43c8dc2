"""The notice of a recharge names the receipt of the counter."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("notices", "0003_reconnected")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
