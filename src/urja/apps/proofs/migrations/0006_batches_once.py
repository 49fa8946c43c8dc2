"""No two leaves of the signed log hold the same batch."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("proofs", "0005_numbered_leaves")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
