"""An order that makes supplies postpaid calls disconnections under way back, and its stop has them decided again."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("supply", "0007_billed_value"), ("contracts", "0007_mode_changes")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
