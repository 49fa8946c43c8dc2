"""A letter may have been entered by mistake."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notices", "0005_news")]

    operations = [
        migrations.AlterField(
            "notice",
            "failure",
            models.CharField(
                blank=True,
                choices=[
                    ("no_number", "No Number"),
                    ("no_service", "No Service"),
                    ("refused", "Refused"),
                    ("not_taken", "Not Taken"),
                    ("outdated", "Outdated"),
                    ("undeliverable", "Undeliverable"),
                    ("withdrawn", "Withdrawn"),
                ],
                default="",
                max_length=16,
            ),
        ),
    ]
