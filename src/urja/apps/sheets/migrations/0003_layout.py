"""Maps of layouts that were loaded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sheets", "0002_rules")]

    operations = [
        migrations.CreateModel(
            name="Layout",
            fields=[
                ("layout", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("map", models.JSONField()),
                ("loaded_at", models.DateTimeField()),
            ],
        ),
    ]
