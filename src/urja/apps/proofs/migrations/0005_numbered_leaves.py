"""An index of the leaves of numbered rows, as that of the entries' leaves."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("proofs", "0004_units")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
