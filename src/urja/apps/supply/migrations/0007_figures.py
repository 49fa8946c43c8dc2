"""The balance that was decided on is kept whole, under a mark of the books it was reckoned from."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("supply", "0006_registry")]

    operations = [
        migrations.AddField("state", "seen_mark", models.BigIntegerField(null=True)),
        migrations.AddField("state", "figures", models.JSONField(null=True)),
    ]
