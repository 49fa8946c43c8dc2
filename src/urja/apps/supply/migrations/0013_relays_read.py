"""After a restore the load switches are asked for their state."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("supply", "0012_recovery")]

    operations = [
        migrations.AddField("recovery", "relays_read_at", models.DateTimeField(null=True)),
    ]
