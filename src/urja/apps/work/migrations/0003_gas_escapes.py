"""A kind of work order for gas that escapes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("work", "0002_rules")]

    operations = [
        migrations.AlterField(
            model_name="workorder",
            name="kind",
            field=models.CharField(
                choices=[
                    ("weld_or_bypass", "Weld Or Bypass"),
                    ("cover_opened", "Cover Opened"),
                    ("magnet", "Magnet"),
                    ("neutral_disturbed", "Neutral Disturbed"),
                    ("gas_escapes", "Gas Escapes"),
                    ("switch_off_by_hand", "Switch Off By Hand"),
                    ("switch_on_by_hand", "Switch On By Hand"),
                    ("install", "Install"),
                    ("exchange", "Exchange"),
                    ("inspect", "Inspect"),
                    ("disconnect_by_hand", "Disconnect By Hand"),
                    ("configure", "Configure"),
                    ("check_pushes", "Check Pushes"),
                ],
                max_length=32,
            ),
        )
    ]
