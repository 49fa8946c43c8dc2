"""When each meter was heard last, and whether it said that its power fails."""

from django.db import migrations

HEARD = """
-- The newest message of a device, of whatever kind. `last_gasp`: it told that the power fails, and nothing came after it.
CREATE TABLE readings_heard (
    device_id bigint PRIMARY KEY,
    heard_at timestamptz NOT NULL,
    last_gasp boolean NOT NULL
) WITH (fillfactor = 50);

-- Of what came in before: the newest messages of two days.
INSERT INTO readings_heard
SELECT DISTINCT ON (device_id) device_id, received_at, last_gasp FROM (
    SELECT device_id, max(received_at) AS received_at, false AS last_gasp FROM readings_interval
    WHERE source IN (1, 2) AND start_at > (SELECT max(latest_end_at) - interval '2 days' FROM readings_accrual)
    GROUP BY device_id
    UNION ALL
    SELECT device_id, received_at, code = 101 AND source = 1 FROM readings_event
    WHERE received_at > (SELECT max(latest_end_at) - interval '2 days' FROM readings_accrual)
) message ORDER BY device_id, received_at DESC, last_gasp;
"""


class Migration(migrations.Migration):
    dependencies = [("readings", "0006_recorded")]

    operations = [migrations.RunSQL(HEARD, "DROP TABLE readings_heard")]
