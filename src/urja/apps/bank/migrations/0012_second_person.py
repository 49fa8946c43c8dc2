"""A statement that needs a second person has that person's passkey."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0011_shares")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
