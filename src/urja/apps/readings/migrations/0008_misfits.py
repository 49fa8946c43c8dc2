"""Pushes that could not be taken are found as tampers are, without reading through all events."""

from django.db import migrations

_DROP = "DROP INDEX readings_event_tamper"
_INDEX = (
    "CREATE INDEX readings_event_tamper ON readings_event (received_at) WHERE code IN (201, 203, 251{more})"
)


class Migration(migrations.Migration):
    dependencies = [("readings", "0007_heard")]

    operations = [
        migrations.RunSQL([_DROP, _INDEX.format(more=", -1, -2")], [_DROP, _INDEX.format(more="")]),
    ]
