-- Codes are bounded: the web may fill a table that the pipeline empties, but no disk. It may not count what is pending, so
-- the owner does.
CREATE FUNCTION identity_sign_in_code_is_bounded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM identity_sign_in_code WHERE ended_at IS NULL LIMIT 2000) pending) >= 2000 THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION identity_sign_in_code_is_bounded FROM PUBLIC;
CREATE TRIGGER identity_sign_in_code_is_bounded BEFORE INSERT ON identity_sign_in_code
    FOR EACH ROW EXECUTE FUNCTION identity_sign_in_code_is_bounded();
