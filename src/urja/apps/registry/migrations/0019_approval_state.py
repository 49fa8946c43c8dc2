"""A request may wait for approval."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0018_area"),
    ]

    operations = [
        migrations.AlterField(
            model_name="request",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("approval", "Approval"),
                    ("done", "Done"),
                    ("refused", "Refused"),
                ],
                default="waiting",
                max_length=8,
            ),
        ),
    ]
