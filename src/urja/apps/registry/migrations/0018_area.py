"""The projection tells the head ends the area of each meter: all entries are written anew."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0017_trees")]

    operations = [
        migrations.RunSQL(
            "UPDATE registry_projection SET version = version + 1", reverse_sql=migrations.RunSQL.noop
        )
    ]
