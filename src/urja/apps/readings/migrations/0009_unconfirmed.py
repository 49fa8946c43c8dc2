"""Intervals of pushes without a tag, apart from all that is billed, until the meter has confirmed them."""

from django.db import migrations

UNCONFIRMED = """
-- What a push without a tag has said of an interval; the first one that came, as none proves more than another. It goes
-- when an authenticated read of the interval is stored, and when it is too old to be asked for.
CREATE TABLE readings_unconfirmed (
    device_id bigint NOT NULL,
    start_at timestamptz NOT NULL,
    service_point_id bigint NOT NULL,
    length_s integer NOT NULL,
    import_wh bigint NOT NULL,
    import_vah bigint,
    export_wh bigint,
    export_vah bigint,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, start_at)
);
CREATE INDEX readings_unconfirmed_place ON readings_unconfirmed (service_point_id, start_at);
CREATE INDEX readings_unconfirmed_start ON readings_unconfirmed (start_at);
"""


class Migration(migrations.Migration):
    dependencies = [("readings", "0008_misfits")]

    operations = [migrations.RunSQL(UNCONFIRMED, "DROP TABLE readings_unconfirmed")]
