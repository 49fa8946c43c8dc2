"""A request says whether it is a dry run in a column of that name."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("journal", "0002_rules")]

    operations = [migrations.RenameField("Request", "rehearsal", "dry_run")]
