"""A queue of the service points whose readings of past days have changed."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("readings", "0006_billing_reads")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
