"""The pipeline is notified of passkeys and answers."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("approvals", "0002_rules"), ("journal", "0006_notified")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
