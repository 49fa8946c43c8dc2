"""What the look-back limit refused to charge."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_past_demands")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
