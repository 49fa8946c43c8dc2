"""A request is recorded by the columns that say what is asked for; the database gives the others their first values."""

from django.db import migrations

FIRST_VALUES = """
ALTER TABLE registry_request ALTER COLUMN state SET DEFAULT 'waiting', ALTER COLUMN faults SET DEFAULT '[]',
    ALTER COLUMN effects SET DEFAULT '{}';
"""
NONE = """
ALTER TABLE registry_request ALTER COLUMN state DROP DEFAULT, ALTER COLUMN faults DROP DEFAULT,
    ALTER COLUMN effects DROP DEFAULT;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0020_address_change"),
    ]

    operations = [
        migrations.RunSQL(FIRST_VALUES, NONE),
    ]
