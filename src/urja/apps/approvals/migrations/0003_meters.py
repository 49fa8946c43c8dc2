"""Meters that are told something by hand are counted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0002_sizes")]

    operations = [
        migrations.AddField("measured", "meters", models.IntegerField(default=0, db_default=0)),
    ]
