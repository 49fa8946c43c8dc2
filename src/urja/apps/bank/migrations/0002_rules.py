"""Files and claims are bounded; statements are only added; an entry is credited as it stands."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0001_tables"), ("books", "0002_rules")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
