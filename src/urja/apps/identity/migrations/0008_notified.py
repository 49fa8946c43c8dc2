"""The pipeline is notified of sign-in codes."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("identity", "0007_number_logins"), ("journal", "0006_notified")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
