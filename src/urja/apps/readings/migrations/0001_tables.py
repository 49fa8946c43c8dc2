"""What meters measure and tell, and what is missing of it. Raw SQL: composite keys and day partitions."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [migrations.RunSQL(sql_beside(__file__))]
