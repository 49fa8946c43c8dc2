"""The database refuses, too, what a push without a tag says among the readings that count."""

from django.db import migrations

_TABLES = ("readings_register", "readings_event")

PROVEN = "\n".join(
    [
        *(f"ALTER TABLE {name} ADD CONSTRAINT {name}_proven CHECK (source <> 8);" for name in _TABLES),
        "SET LOCAL ROLE urja_partitions;",
        "ALTER TABLE readings_interval ADD CONSTRAINT readings_interval_proven CHECK (source <> 8);",
        "RESET ROLE;",
    ]
)
NOT_PROVEN = "\n".join(
    [
        *(f"ALTER TABLE {name} DROP CONSTRAINT {name}_proven;" for name in _TABLES),
        "SET LOCAL ROLE urja_partitions;",
        "ALTER TABLE readings_interval DROP CONSTRAINT readings_interval_proven;",
        "RESET ROLE;",
    ]
)


class Migration(migrations.Migration):
    dependencies = [("readings", "0010_alarm")]

    operations = [migrations.RunSQL(PROVEN, NOT_PROVEN)]
