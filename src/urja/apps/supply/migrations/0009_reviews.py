"""An account is decided again when the review of its charge begins and ends."""

from django.db import migrations

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("supply", "0008_mode_changes"), ("billing", "0009_review")]

    operations = [migrations.RunSQL(sql_beside(__file__))]
