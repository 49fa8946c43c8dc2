"""A meter that is given new keys is given another HLS secret with them, where it has one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0026_projection_digest")]

    operations = [
        migrations.AddField(
            model_name="newkeys",
            name="wrapped_hls_secret",
            field=models.BinaryField(max_length=24, null=True),
        ),
    ]
