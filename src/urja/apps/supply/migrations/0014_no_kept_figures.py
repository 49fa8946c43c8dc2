"""A balance is rated when it is asked for; none is kept beside the decision any more."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("supply", "0013_relays_read")]

    operations = [
        migrations.RemoveField("state", "seen_mark"),
        migrations.RemoveField("state", "figures"),
    ]
