"""An entry proves only a cheque whose receipt was issued before the entry was known."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0012_second_person")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
