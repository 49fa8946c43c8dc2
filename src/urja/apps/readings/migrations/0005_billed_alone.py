"""Channel sets of what is billed alone: known zeros, estimates and reads by a person have no other value."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("readings", "0004_gas_escapes")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
