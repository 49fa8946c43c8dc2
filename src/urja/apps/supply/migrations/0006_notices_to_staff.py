"""The delivery of a notice to a member of staff changes no account."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("supply", "0005_area_health"), ("notices", "0007_staff")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
