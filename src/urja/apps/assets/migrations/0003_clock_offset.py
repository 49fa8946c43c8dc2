"""A meter's clock may stay on one offset from UTC all year."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("assets", "0002_rules")]

    operations = [
        migrations.AddField(
            model_name="device",
            name="clock_offset_s",
            field=models.IntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="device",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("clock_offset_s", None),
                    ("clock_offset_s__range", (-43_200, 50_400)),
                    _connector="OR",
                ),
                name="assets_clock_offset",
            ),
        ),
    ]
