-- No part of most rows is estimated: an empty array says so. Rows from before keep their zeros.
ALTER TABLE determinants_row DROP CONSTRAINT determinants_row_arrays;
ALTER TABLE determinants_row ADD CONSTRAINT determinants_row_arrays CHECK (
    cardinality("values") > 0 AND cardinality(origins) = cardinality("values")
    AND cardinality(estimated) IN (0, cardinality("values"))
    AND array_position("values", NULL) IS NULL AND array_position(estimated, NULL) IS NULL
    AND array_position(origins, NULL) IS NULL
);
COMMENT ON COLUMN determinants_row.reads IS
    'Keys of the register reads, on days between the first and the last of the day alone: device, instant, kind and version of each, as JSON';
COMMENT ON COLUMN determinants_row.intervals_hash IS 'SHA-256 of all readings, chained by days';

-- Versions are checked for all rows of a statement at once.
DROP TRIGGER determinants_row_version ON determinants_row;
CREATE OR REPLACE FUNCTION determinants_check_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken record;
BEGIN
    SELECT added.version INTO broken FROM added WHERE added.version > 1 AND NOT EXISTS (
        SELECT FROM determinants_row r WHERE (r.agreement_id, r.period, r.as_of, r.version)
            = (added.agreement_id, added.period, added.as_of, added.version - 1)) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'version % of determinants does not follow the one before it', broken.version
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER determinants_row_version AFTER INSERT ON determinants_row REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION determinants_check_version();
