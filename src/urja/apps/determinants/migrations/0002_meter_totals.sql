-- Why a meter's own totals or maxima were not used, in sentences.
ALTER TABLE determinants_row ADD COLUMN notes text[] NOT NULL DEFAULT '{}' CHECK (array_position(notes, NULL) IS NULL);

-- The calendar that a meter held: by it its zone registers count. Read back from it, or set and confirmed by it.
CREATE TABLE determinants_meter_calendar (
    device_id bigint NOT NULL,
    held_at timestamptz NOT NULL,
    was_set boolean NOT NULL,
    recorded_at timestamptz NOT NULL,
    command_id bigint NOT NULL,
    name text NOT NULL,
    tables jsonb NOT NULL CHECK (jsonb_typeof(tables) = 'object'),
    PRIMARY KEY (device_id, held_at)
);
COMMENT ON COLUMN determinants_meter_calendar.was_set IS 'Whether it was set from then on; otherwise it was read';
COMMENT ON COLUMN determinants_meter_calendar.command_id IS 'The command whose evidence it is';
CREATE FUNCTION determinants_refuse_calendar_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a meter held is never changed or deleted: read it again'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER determinants_meter_calendar_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON determinants_meter_calendar
    FOR EACH STATEMENT EXECUTE FUNCTION determinants_refuse_calendar_change();
