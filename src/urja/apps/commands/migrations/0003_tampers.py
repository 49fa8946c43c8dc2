"""Work orders for what meters tell of themselves: an opened cover, a magnet, a disturbed neutral."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commands", "0002_by_hand")]

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
                    ("switch_off_by_hand", "Switch Off By Hand"),
                    ("switch_on_by_hand", "Switch On By Hand"),
                ],
                max_length=32,
            ),
        ),
    ]
