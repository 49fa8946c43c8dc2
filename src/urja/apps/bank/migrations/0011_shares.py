"""Each person stores some of the uploaded statements."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0010_received")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
