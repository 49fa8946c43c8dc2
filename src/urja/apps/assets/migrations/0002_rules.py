"""A device's stock and its periods agree, and its new keys stay until it has proven them."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("assets", "0001_tables"), ("journal", "0002_rules"), ("network", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
