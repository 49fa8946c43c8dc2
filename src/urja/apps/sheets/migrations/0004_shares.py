"""Each person stores some of the uploaded files."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("sheets", "0003_layout")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
