"""Raw SQL: composite keys, day partitions, and a role of its own that may make them."""

from django.db import migrations

_INTERVAL = """
-- One row holds the values of one interval. Rows are never updated: a better value is a higher version.
CREATE TABLE readings_interval (
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    start_at timestamptz NOT NULL,
    import_wh bigint NOT NULL,
    import_vah bigint,
    export_wh bigint,
    export_vah bigint,
    health bigint,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    length_s integer NOT NULL CHECK (length_s > 0),
    voltage_cv integer,
    current_ca integer,
    channel_set smallint NOT NULL,
    version smallint NOT NULL CHECK (version > 0),
    status smallint NOT NULL,
    source smallint NOT NULL,
    clock_status smallint NOT NULL,
    PRIMARY KEY (service_point_id, device_id, channel_set, start_at, version)
) PARTITION BY RANGE (start_at);

-- Why a version was written by a person, and by whom.
CREATE TABLE readings_edit (
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    channel_set smallint NOT NULL,
    start_at timestamptz NOT NULL,
    version smallint NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    actor text NOT NULL CHECK (actor <> ''),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (service_point_id, device_id, channel_set, start_at, version)
);
"""

_POINTS = """
CREATE TABLE readings_register (
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
    version smallint NOT NULL CHECK (version > 0),
    status smallint NOT NULL,
    source smallint NOT NULL,
    clock_status smallint NOT NULL,
    PRIMARY KEY (service_point_id, device_id, read_at, kind, version)
);
-- The reads that energy is billed from (urja.apps.readings.kinds.ANCHOR_KINDS).
CREATE INDEX readings_register_anchor ON readings_register (service_point_id, device_id, read_at)
    WHERE kind IN (2, 3, 5);

CREATE TABLE readings_event (
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    code integer NOT NULL,
    state smallint NOT NULL,
    source smallint NOT NULL,
    clock_status smallint NOT NULL,
    PRIMARY KEY (device_id, occurred_at, code, state)
);

-- What was refused or found contradictory, with its values: nothing that was accepted is lost.
CREATE TABLE readings_exception (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id bigint NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    reason text NOT NULL,
    detail jsonb NOT NULL,
    correlation bigint NOT NULL,
    received_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX readings_exception_once
    ON readings_exception (device_id, kind, at, reason, md5(detail::text));
"""

_WORK = """
-- One row per missing interval; open while closed_at is empty.
CREATE TABLE readings_gap (
    device_id bigint NOT NULL,
    start_at timestamptz NOT NULL,
    service_point_id bigint NOT NULL,
    found_at timestamptz NOT NULL,
    -- When the meter was asked and had no such row.
    denied_at timestamptz,
    closed_at timestamptz,
    length_s integer NOT NULL,
    closed_by smallint,
    PRIMARY KEY (device_id, start_at),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE INDEX readings_gap_open ON readings_gap (device_id, start_at) WHERE closed_at IS NULL;

-- Of a device period: every interval before listed_to_at is stored or listed as a gap; every local midnight up
-- to daily_to_at has its register read, or the meter was asked for it and has none.
CREATE TABLE readings_coverage (
    device_period_id bigint PRIMARY KEY,
    listed_to_at timestamptz,
    daily_to_at timestamptz
) WITH (fillfactor = 50);

-- What was asked of a meter, when it may be asked again, and how often it has been asked in vain.
CREATE TABLE readings_pull (
    device_id bigint NOT NULL,
    profile text NOT NULL,
    request_id bigint,
    from_at timestamptz,
    to_at timestamptz,
    not_after_at timestamptz,
    next_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    last_error text,
    PRIMARY KEY (device_id, profile)
);
CREATE UNIQUE INDEX readings_pull_request ON readings_pull (request_id);
CREATE SEQUENCE readings_request_number AS bigint;

-- Energy of an agreement in a billing period (a local calendar month) up to the data watermark. A cache: every
-- row is a function of interval rows and register reads (urja.apps.readings.accrual); `latest` marks each
-- agreement's last period, the only one that grows by addition.
CREATE TABLE readings_accrual (
    agreement_id bigint NOT NULL,
    period date NOT NULL,
    service_point_id bigint NOT NULL,
    device_id bigint NOT NULL,
    opened_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    opening_wh bigint NOT NULL,
    carried_wh bigint NOT NULL,
    anchor_at timestamptz NOT NULL,
    anchor_wh bigint NOT NULL,
    block_wh bigint NOT NULL,
    estimated_wh bigint NOT NULL,
    watermark_at timestamptz NOT NULL,
    latest_end_at timestamptz NOT NULL,
    latest boolean NOT NULL,
    energy_wh bigint GENERATED ALWAYS AS (carried_wh + anchor_wh - opening_wh + block_wh) VIRTUAL,
    PRIMARY KEY (agreement_id, period)
) WITH (fillfactor = 50);

-- How far each consumer of a stream has come, moved in the transaction that stored what it read.
CREATE TABLE stream_cursor (
    consumer text NOT NULL,
    stream text NOT NULL,
    sequence bigint NOT NULL,
    moved_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, stream)
);
"""

_DAYS = """
CREATE FUNCTION readings_make_days(first_day date, last_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    day date := first_day;
    name text;
    made integer := 0;
BEGIN
    IF last_day - first_day > 400 THEN
        RAISE EXCEPTION 'more than 400 days at once: % to %', first_day, last_day;
    END IF;
    PERFORM pg_advisory_xact_lock(x'75726a6164617973'::bigint);
    WHILE day <= last_day LOOP
        name := 'readings_interval_' || to_char(day, 'YYYYMMDD');
        IF to_regclass('public.' || name) IS NULL THEN
            -- Attached, not created as a partition: that would keep readers out of the whole table.
            EXECUTE format(
                'CREATE TABLE public.%I (LIKE public.readings_interval INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                name);
            EXECUTE format(
                'ALTER TABLE public.readings_interval ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
            EXECUTE format('GRANT ALL ON public.%I TO urja_owner WITH GRANT OPTION', name);
            made := made + 1;
        END IF;
        day := day + 1;
    END LOOP;
    RETURN made;
END $$;
COMMENT ON FUNCTION readings_make_days IS 'Makes the day partitions (UTC) from first_day to last_day; how many were made';

-- From here on the table and its partitions belong to the role that makes partitions, and to no process.
GRANT CREATE ON SCHEMA public TO urja_partitions;
ALTER FUNCTION readings_make_days OWNER TO urja_partitions;
ALTER TABLE readings_interval OWNER TO urja_partitions;
SET LOCAL ROLE urja_partitions;
GRANT ALL ON readings_interval TO urja_owner WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION readings_make_days TO urja_owner WITH GRANT OPTION;
REVOKE EXECUTE ON FUNCTION readings_make_days FROM PUBLIC;
RESET ROLE;
"""


class Migration(migrations.Migration):
    """The readings in their final shape."""

    initial = True
    dependencies = [("registry", "0001_initial")]

    operations = [
        migrations.RunSQL(_INTERVAL, "DROP TABLE readings_interval, readings_edit"),
        migrations.RunSQL(_POINTS, "DROP TABLE readings_register, readings_event, readings_exception"),
        migrations.RunSQL(
            _WORK,
            "DROP TABLE readings_gap, readings_coverage, readings_pull, readings_accrual, stream_cursor;"
            " DROP SEQUENCE readings_request_number",
        ),
        migrations.RunSQL(_DAYS, "DROP FUNCTION readings_make_days"),
    ]
