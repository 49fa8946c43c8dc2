-- A version of a calendar is never changed, by its owner neither: energy was put into zones by it.
CREATE FUNCTION rulebook_refuse_calendar_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a calendar version is never changed or deleted: load a new version'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER rulebook_calendar_version_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON rulebook_calendar_version
    FOR EACH STATEMENT EXECUTE FUNCTION rulebook_refuse_calendar_change();
