"""Work orders to switch a supply by hand; and the newest of a device, to know how it was left."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commands", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="workorder",
            name="kind",
            field=models.CharField(
                choices=[
                    ("weld_or_bypass", "Weld Or Bypass"),
                    ("switch_off_by_hand", "Switch Off By Hand"),
                    ("switch_on_by_hand", "Switch On By Hand"),
                ],
                max_length=32,
            ),
        ),
    ]
