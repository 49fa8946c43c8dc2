"""The projection tells the head ends the length of each meter's own blocks: all entries are written anew."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0022_address_is_confirmed")]

    operations = [
        migrations.RunSQL(
            "UPDATE registry_projection SET version = version + 1", reverse_sql=migrations.RunSQL.noop
        )
    ]
