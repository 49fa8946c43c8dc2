"""What meters tell of their power: last gasps, and what is heard after them."""

from django.db import migrations

HEARD = """
-- The newest message of a device that told of an event, carried out an order, or came after its last gasp. `last_gasp`:
-- it told that the power fails, and nothing came after it. That intervals come in, readings_accrual knows.
CREATE TABLE readings_heard (
    device_id bigint PRIMARY KEY,
    heard_at timestamptz NOT NULL,
    last_gasp boolean NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX readings_heard_gasped ON readings_heard (device_id) WHERE last_gasp;
"""


class Migration(migrations.Migration):
    dependencies = [("readings", "0006_recorded")]

    operations = [migrations.RunSQL(HEARD, "DROP TABLE readings_heard")]
