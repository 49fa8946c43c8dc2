-- Nobody changes a version: also not the owner of the table.
CREATE FUNCTION rulebook_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a tariff version is never changed or deleted: load a new version'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER rulebook_tariff_version_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON rulebook_tariff_version
    FOR EACH STATEMENT EXECUTE FUNCTION rulebook_refuse_change();
