"""What a person has to see to before readings come in as they should."""

from django.db import migrations

ALARM = """
-- One row for each thing that stages watch; without sentences there is nothing to see to. `since`: when it was last said
-- differently.
CREATE TABLE readings_alarm (
    about text PRIMARY KEY,
    sentences jsonb NOT NULL CHECK (jsonb_typeof(sentences) = 'array'),
    since timestamptz NOT NULL
);
"""


class Migration(migrations.Migration):
    dependencies = [("readings", "0009_unconfirmed")]

    operations = [migrations.RunSQL(ALARM, "DROP TABLE readings_alarm")]
