"""What was last written to the head ends' copy of a meter, as a digest; every entry is written anew to have one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0025_meter_keys")]

    operations = [
        migrations.AddField(
            model_name="projection",
            name="digest",
            field=models.BinaryField(db_default=b""),
        ),
        migrations.RunSQL(
            "UPDATE registry_projection SET version = greatest(version, projected_version) + 1",
            migrations.RunSQL.noop,
        ),
    ]
