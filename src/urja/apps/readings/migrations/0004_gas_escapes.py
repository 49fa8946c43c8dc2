"""Events that report escaping gas are found without reading through all events."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("readings", "0003_channel_sets")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX readings_event_gas ON readings_event (received_at) WHERE code IN (-3, -4)"
        )
    ]
