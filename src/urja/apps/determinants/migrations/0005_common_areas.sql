-- What the common areas of a premise used on a local day, shared among its agreements in whole Wh. What has changed since is
-- a later version, and the difference is that between the two.
CREATE TABLE determinants_common_day (
    premise_id bigint NOT NULL REFERENCES network_premise (id),
    quantity text NOT NULL CHECK (quantity IN ('common_import_wh', 'common_dg_import_wh')),
    share text NOT NULL CHECK (share IN ('flat', 'area', 'load')),
    day date NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    energy_wh bigint NOT NULL,
    sources text NOT NULL,
    agreements bigint[] NOT NULL,
    weights bigint[] NOT NULL,
    shares_wh bigint[] NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    calculated_at timestamptz NOT NULL,
    PRIMARY KEY (premise_id, quantity, share, day, version),
    CONSTRAINT determinants_common_day_arrays CHECK (
        cardinality(agreements) > 0 AND cardinality(weights) = cardinality(agreements)
        AND cardinality(shares_wh) = cardinality(agreements) AND array_position(agreements, NULL) IS NULL
        AND array_position(weights, NULL) IS NULL AND array_position(shares_wh, NULL) IS NULL
        AND 0 < ALL (weights)
    )
);
COMMENT ON COLUMN determinants_common_day.sources IS
    'What each common service point counted: its number, energy, number and hash of intervals, register reads, rules; as JSON';
COMMENT ON COLUMN determinants_common_day.weights IS 'By agreement: 1, its carpet area in dm², or its sanctioned load in W';

CREATE TRIGGER determinants_common_day_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON determinants_common_day
    FOR EACH STATEMENT EXECUTE FUNCTION determinants_refuse_change();

CREATE FUNCTION determinants_check_common_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Nothing of it is left, and nothing is charged twice.
    IF NEW.energy_wh <> (SELECT sum(own_wh) FROM unnest(NEW.shares_wh) AS own (own_wh)) THEN
        RAISE EXCEPTION 'the shares of a common day do not sum to its energy of % Wh', NEW.energy_wh
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.version <> 1 + coalesce((SELECT max(r.version) FROM determinants_common_day r
        WHERE (r.premise_id, r.quantity, r.share, r.day) = (NEW.premise_id, NEW.quantity, NEW.share, NEW.day)), 0) THEN
        RAISE EXCEPTION 'version % of a common day does not follow the one before it', NEW.version
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER determinants_common_day_check BEFORE INSERT ON determinants_common_day
    FOR EACH ROW EXECUTE FUNCTION determinants_check_common_day();
