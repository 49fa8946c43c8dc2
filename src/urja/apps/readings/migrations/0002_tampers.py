"""Tamper events are found without reading through all events: covers, magnets, neutrals (IS 15959)."""

from django.db import migrations

INDEX = "CREATE INDEX readings_event_tamper ON readings_event (received_at) WHERE code IN (201, 203, 251)"


class Migration(migrations.Migration):
    dependencies = [("readings", "0001_initial")]

    operations = [migrations.RunSQL(INDEX, "DROP INDEX readings_event_tamper")]
