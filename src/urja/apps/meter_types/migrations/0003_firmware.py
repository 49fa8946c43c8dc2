"""A version says for which firmware it is: several are in force beside each other."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("meter_types", "0002_hash")]

    operations = [
        migrations.AddField(
            "metertypeversion",
            "firmware",
            ArrayField(models.CharField(max_length=100), default=list),
            preserve_default=False,
        ),
    ]
