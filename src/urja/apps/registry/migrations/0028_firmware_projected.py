"""The projection tells the head ends each meter's firmware, which chooses the version of its type: all entries anew."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0027_new_hls_secret")]

    operations = [
        migrations.RunSQL(
            "UPDATE registry_projection SET version = greatest(version, projected_version) + 1",
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
