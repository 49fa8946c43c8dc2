-- In which period a read is recorded. The lock first, the number after it: no cut comes between this and the end of the
-- transaction.
-- The lock first, the number after it: no cut comes between this and the end of the transaction.
CREATE FUNCTION readings_period() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE ONLY readings_interval, ONLY readings_register IN ROW EXCLUSIVE MODE;
    RETURN (SELECT 1 + coalesce(max(number), 0) FROM proofs_period);
END $$;
REVOKE ALL ON FUNCTION readings_period FROM PUBLIC;


-- Reads that an operation told of are taken back with it; no other measurement is ever deleted.
CREATE FUNCTION readings_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was withdrawn is never changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER readings_withdrawal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON readings_withdrawal
    FOR EACH STATEMENT EXECUTE FUNCTION readings_refuse_change();

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
