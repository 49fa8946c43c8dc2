"""What meters count of tampers, and up to which count their event logs were read."""

from django.db import migrations

COUNT = """
-- Of a device that has counted any. `told` came with its last instantaneous read, `asked` stood when its logs were
-- last asked for, `read` when they were last read, at `read_to_at`.
CREATE TABLE readings_tamper_count (
    device_id bigint PRIMARY KEY,
    told bigint NOT NULL,
    asked bigint,
    read bigint NOT NULL DEFAULT 0,
    read_to_at timestamptz
) WITH (fillfactor = 50);
CREATE INDEX readings_tamper_count_unread ON readings_tamper_count (device_id) WHERE told <> read;
"""


class Migration(migrations.Migration):
    dependencies = [("readings", "0004_exchange")]

    operations = [migrations.RunSQL(COUNT, "DROP TABLE readings_tamper_count")]
