-- A version of heat values is never changed, by its owner neither: energy of gas was calculated by it.
CREATE FUNCTION rulebook_refuse_heat_values_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of heat values is never changed or deleted: load a new version'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER rulebook_heat_values_version_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON rulebook_heat_values_version
    FOR EACH STATEMENT EXECUTE FUNCTION rulebook_refuse_heat_values_change();
