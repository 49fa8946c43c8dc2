-- Which quantities an array of determinants has, by the numbers of the catalogue of quantities.
CREATE TABLE determinants_channel_set (
    hash text PRIMARY KEY CHECK (length(hash) = 16),
    quantities integer[] NOT NULL CHECK (cardinality(quantities) > 0)
);

-- The determinants of an agreement from the first day of a billing period to `as_of`, both included. What has changed since
-- is a later version, and the difference is that between the two. Rows outlive the intervals that they were calculated from.
CREATE TABLE determinants_row (
    agreement_id bigint NOT NULL REFERENCES contracts_agreement (id),
    period date NOT NULL,
    as_of date NOT NULL,
    period_end date NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    intervals integer NOT NULL CHECK (intervals >= 0),
    calculated_at timestamptz NOT NULL,
    known_from_at timestamptz NOT NULL,
    known_to_at timestamptz,
    channel_set text NOT NULL REFERENCES determinants_channel_set (hash),
    "values" bigint[] NOT NULL,
    origins smallint[] NOT NULL,
    estimated bigint[] NOT NULL,
    reads text NOT NULL,
    intervals_hash bytea NOT NULL CHECK (length(intervals_hash) = 32),
    rules text NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    PRIMARY KEY (agreement_id, period, as_of, version),
    CONSTRAINT determinants_row_period CHECK (period <= as_of AND as_of < period_end),
    CONSTRAINT determinants_row_arrays CHECK (
        cardinality("values") > 0 AND cardinality(origins) = cardinality("values")
        AND cardinality(estimated) = cardinality("values")
        AND array_position("values", NULL) IS NULL AND array_position(estimated, NULL) IS NULL
        AND array_position(origins, NULL) IS NULL
    )
);
COMMENT ON COLUMN determinants_row.known_from_at IS 'Beginning of the agreement''s metered time in the period';
COMMENT ON COLUMN determinants_row.known_to_at IS 'End of what is known of the billed energy without a gap';
COMMENT ON COLUMN determinants_row.reads IS 'Keys of the register reads: device, instant, kind and version of each, as JSON';

CREATE FUNCTION determinants_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'determinants are never changed or deleted: late data make the next version'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER determinants_row_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON determinants_row
    FOR EACH STATEMENT EXECUTE FUNCTION determinants_refuse_change();
CREATE TRIGGER determinants_channel_set_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON determinants_channel_set
    FOR EACH STATEMENT EXECUTE FUNCTION determinants_refuse_change();

-- A version follows the one before it: a gap would hide what was there, a second writer would fork it.
CREATE FUNCTION determinants_check_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> 1 + coalesce((SELECT max(r.version) FROM determinants_row r
        WHERE (r.agreement_id, r.period, r.as_of) = (NEW.agreement_id, NEW.period, NEW.as_of)), 0) THEN
        RAISE EXCEPTION 'version % of determinants does not follow the one before it', NEW.version
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER determinants_row_version BEFORE INSERT ON determinants_row
    FOR EACH ROW EXECUTE FUNCTION determinants_check_version();
