"""By when a sleeping meter can carry a command out."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commands", "0002_rules")]

    operations = [
        migrations.AddField(
            model_name="command",
            name="awake_at",
            field=models.DateTimeField(null=True),
        ),
    ]
