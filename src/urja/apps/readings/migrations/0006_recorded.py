"""Reads carry the period in which they were recorded; one that is withdrawn moves to a table of its own."""

from django.db import migrations

_RECORDED = """
-- What is stored so far is the first period's. No default: a writer that forgot it would say that of every read.
SET LOCAL ROLE urja_partitions;
ALTER TABLE readings_interval ADD COLUMN recorded_in integer NOT NULL DEFAULT 1;
ALTER TABLE readings_interval ALTER COLUMN recorded_in DROP DEFAULT;
CREATE INDEX readings_interval_recorded ON readings_interval USING brin (recorded_in);
RESET ROLE;
ALTER TABLE readings_register ADD COLUMN recorded_in integer NOT NULL DEFAULT 1;
ALTER TABLE readings_register ALTER COLUMN recorded_in DROP DEFAULT;
CREATE INDEX readings_register_recorded ON readings_register USING brin (recorded_in);
"""

_FORGOTTEN = """
SET LOCAL ROLE urja_partitions;
ALTER TABLE readings_interval DROP COLUMN recorded_in;
RESET ROLE;
ALTER TABLE readings_register DROP COLUMN recorded_in;
"""

_PERIOD = """
-- The lock first, the number after it: no cut comes between this and the end of the transaction.
CREATE FUNCTION readings_period() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE ONLY readings_interval, ONLY readings_register IN ROW EXCLUSIVE MODE;
    RETURN (SELECT 1 + coalesce(max(number), 0) FROM proofs_period);
END $$;
REVOKE ALL ON FUNCTION readings_period FROM PUBLIC;
"""

_WITHDRAWAL = """
-- Reads that an operation of the registry told of and that were taken back with it, as they stood. A digest of the
-- period in which one was recorded goes on to count it; the digest of `withdrawn_in` says that it went.
CREATE TABLE readings_withdrawal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    read_at timestamptz NOT NULL,
    import_wh bigint NOT NULL,
    import_vah bigint,
    export_wh bigint,
    export_vah bigint,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    kind smallint NOT NULL,
    version smallint NOT NULL,
    status smallint NOT NULL,
    source smallint NOT NULL,
    clock_status smallint NOT NULL,
    recorded_in integer NOT NULL,
    withdrawn_in integer NOT NULL,
    withdrawn_at timestamptz NOT NULL
);
CREATE INDEX readings_withdrawal_recorded ON readings_withdrawal (recorded_in);
CREATE INDEX readings_withdrawal_withdrawn ON readings_withdrawal (withdrawn_in);
CREATE FUNCTION readings_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was withdrawn is never changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER readings_withdrawal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON readings_withdrawal
    FOR EACH STATEMENT EXECUTE FUNCTION readings_refuse_change();

DROP FUNCTION readings_withdraw_installation(bigint, bigint, timestamptz, smallint);
CREATE FUNCTION readings_withdraw_installation(
    place bigint, device bigint, at timestamptz, which smallint, recorded timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH withdrawn AS (
        DELETE FROM readings_register
        WHERE (service_point_id, device_id, read_at, kind, version) = (place, device, at, 5, which)
        RETURNING *
    )
    INSERT INTO readings_withdrawal (service_point_id, device_id, read_at, import_wh, import_vah, export_wh, export_vah,
        correlation, received_at, kind, version, status, source, clock_status, recorded_in, withdrawn_in, withdrawn_at)
    SELECT service_point_id, device_id, read_at, import_wh, import_vah, export_wh, export_vah, correlation, received_at,
        kind, version, status, source, clock_status, recorded_in, (SELECT readings_period()), recorded FROM withdrawn;
$$;
REVOKE ALL ON FUNCTION readings_withdraw_installation FROM PUBLIC;
"""

_DELETES = """
DROP FUNCTION readings_withdraw_installation(bigint, bigint, timestamptz, smallint, timestamptz);
CREATE FUNCTION readings_withdraw_installation(place bigint, device bigint, at timestamptz, which smallint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DELETE FROM readings_register
    WHERE (service_point_id, device_id, read_at, kind, version) = (place, device, at, 5, which);
$$;
REVOKE ALL ON FUNCTION readings_withdraw_installation FROM PUBLIC;
DROP TABLE readings_withdrawal;
DROP FUNCTION readings_refuse_change;
"""


class Migration(migrations.Migration):
    dependencies = [("readings", "0005_tamper_count"), ("proofs", "0001_initial")]

    operations = [
        migrations.RunSQL(_RECORDED, _FORGOTTEN),
        migrations.RunSQL(_PERIOD, "DROP FUNCTION readings_period"),
        migrations.RunSQL(_WITHDRAWAL, _DELETES),
    ]
