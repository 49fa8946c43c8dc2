"""The chain from a payment to a reconnection has the glossary's names."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("supply", "0002_rules"), ("notices", "0003_reconnected")]

    operations = [
        migrations.RenameModel("Relight", "Reconnection"),
        migrations.RenameIndex(
            "Reconnection", new_name="supply_reconnection_account", old_name="supply_relight_account"
        ),
        migrations.RenameIndex(
            "Reconnection", new_name="supply_reconnection_open", old_name="supply_relight_open"
        ),
        migrations.RunSQL(sql_beside(__file__)),
    ]
