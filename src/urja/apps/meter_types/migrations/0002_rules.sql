-- Nobody changes a version: also not the owner of the table.
CREATE FUNCTION meter_types_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a meter type is never changed or deleted: load a new version'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER meter_types_version_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON meter_types_version
    FOR EACH STATEMENT EXECUTE FUNCTION meter_types_refuse_change();

-- The hash of a version is that of its files, as the database calculates it.
ALTER TABLE meter_types_version
    ADD CONSTRAINT meter_types_hash CHECK (sha256 = encode(sha256(convert_to(text, 'UTF8')), 'hex'));
