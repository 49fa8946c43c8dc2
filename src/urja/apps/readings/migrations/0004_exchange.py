"""Accruals know the ratio of current and voltage transformers; an estimated register says how it was estimated."""

from django.db import migrations

_RATIO = """
-- Registers and blocks stand in the row as the meter counts them: what is rated is their multiple, rounded down at
-- each point of time, so that neighbouring periods share the rounded value and nothing falls between.
ALTER TABLE readings_accrual
    ADD COLUMN ratio_primary bigint NOT NULL DEFAULT 1,
    ADD COLUMN ratio_secondary bigint NOT NULL DEFAULT 1,
    DROP COLUMN energy_wh;
ALTER TABLE readings_accrual ADD COLUMN energy_wh bigint GENERATED ALWAYS AS (
    carried_wh + (anchor_wh + block_wh) * ratio_primary / ratio_secondary
        - opening_wh * ratio_primary / ratio_secondary
) VIRTUAL;
"""

_ONE = """
ALTER TABLE readings_accrual DROP COLUMN energy_wh;
ALTER TABLE readings_accrual DROP COLUMN ratio_primary, DROP COLUMN ratio_secondary;
ALTER TABLE readings_accrual ADD COLUMN
    energy_wh bigint GENERATED ALWAYS AS (carried_wh + anchor_wh - opening_wh + block_wh) VIRTUAL;
"""

_ESTIMATE = """
-- How a register read that nobody read was estimated, and by whom; the read itself is of status 3.
CREATE TABLE readings_estimate (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    read_at timestamptz NOT NULL,
    kind smallint NOT NULL,
    version smallint NOT NULL,
    method text NOT NULL CHECK (method <> ''),
    detail jsonb NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    recorded_at timestamptz NOT NULL
);
-- Not unique: a read that was withdrawn with its operation may be estimated again, as the same version.
CREATE INDEX readings_estimate_of ON readings_estimate (service_point_id, device_id, read_at);
"""


class Migration(migrations.Migration):
    dependencies = [("readings", "0003_withdrawn")]

    operations = [
        migrations.RunSQL(_RATIO, _ONE),
        migrations.RunSQL(_ESTIMATE, "DROP TABLE readings_estimate"),
    ]
