-- The ledger of units beside money: what net metering banks, by agreement, bank (zone; 0 for all times) and billing period,
-- in Wh. A row has all of the period so far. What changes is the next version, and the difference is that to the one before.
CREATE TABLE billing_unit_bank (
    agreement_id bigint NOT NULL REFERENCES contracts_agreement (id),
    zone smallint NOT NULL CHECK (zone BETWEEN 0 AND 8),
    period_start date NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    as_of date NOT NULL,
    opening_wh bigint NOT NULL,
    imported_wh bigint NOT NULL,
    exported_wh bigint NOT NULL,
    used_wh bigint NOT NULL,
    settled_wh bigint NOT NULL,
    closing_wh bigint NOT NULL,
    -- Whether the agreement ended with the period's billed days: its document may settle then.
    ends boolean NOT NULL,
    determinants_version integer,
    determinants_sha256 bytea,
    tariff_sha256 text NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- What is before a period is found from the end of its bank's rows.
    PRIMARY KEY (agreement_id, zone, period_start, version),
    CONSTRAINT billing_unit_bank_conserved CHECK (opening_wh + exported_wh = used_wh + settled_wh + closing_wh),
    CONSTRAINT billing_unit_bank_used CHECK (used_wh BETWEEN 0 AND greatest(imported_wh, 0)),
    CONSTRAINT billing_unit_bank_settled CHECK (settled_wh = 0 OR closing_wh = 0),
    CONSTRAINT billing_unit_bank_determined CHECK ((determinants_version IS NULL) = (determinants_sha256 IS NULL)),
    FOREIGN KEY (agreement_id, period_start, as_of, determinants_version)
        REFERENCES determinants_row (agreement_id, period, as_of, version)
);

CREATE FUNCTION billing_refuse_unit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'banked units are never changed or deleted: what differs is the next version'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER billing_unit_bank_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_unit_bank
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_unit_change();

-- A version follows the one before it, a bank opens with what it had, and what a row rests on is stored.
CREATE FUNCTION billing_check_units() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> 1 + coalesce((SELECT max(u.version) FROM billing_unit_bank u
        WHERE (u.agreement_id, u.zone, u.period_start) = (NEW.agreement_id, NEW.zone, NEW.period_start)), 0) THEN
        RAISE EXCEPTION 'version % of banked units does not follow the one before it', NEW.version
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.opening_wh <> coalesce((SELECT u.closing_wh FROM billing_unit_bank u
        WHERE u.agreement_id = NEW.agreement_id AND u.zone = NEW.zone AND u.period_start < NEW.period_start
        ORDER BY u.period_start DESC, u.version DESC LIMIT 1), 0) THEN
        RAISE EXCEPTION 'bank % of agreement % does not open with what it had before %', NEW.zone, NEW.agreement_id, NEW.period_start
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.determinants_version IS NOT NULL AND NEW.determinants_sha256 <> (SELECT r.sha256 FROM determinants_row r
        WHERE (r.agreement_id, r.period, r.as_of, r.version)
            = (NEW.agreement_id, NEW.period_start, NEW.as_of, NEW.determinants_version)) THEN
        RAISE EXCEPTION 'banked units name determinants with another hash than those that are stored'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM rulebook_tariff_version t WHERE t.sha256 = NEW.tariff_sha256) THEN
        RAISE EXCEPTION 'banked units name a tariff that is not stored'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_unit_bank_follows BEFORE INSERT ON billing_unit_bank
    FOR EACH ROW EXECUTE FUNCTION billing_check_units();

-- At commit the next period, too, opens with what this one has left: a corrected period takes the later ones with it.
CREATE FUNCTION billing_check_units_after() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    following record;
BEGIN
    SELECT u.period_start, u.opening_wh INTO following FROM billing_unit_bank u
        WHERE u.agreement_id = NEW.agreement_id AND u.zone = NEW.zone AND u.period_start > NEW.period_start
        ORDER BY u.period_start, u.version DESC LIMIT 1;
    IF FOUND AND following.opening_wh <> (SELECT u.closing_wh FROM billing_unit_bank u
        WHERE u.agreement_id = NEW.agreement_id AND u.zone = NEW.zone AND u.period_start < following.period_start
        ORDER BY u.period_start DESC, u.version DESC LIMIT 1) THEN
        RAISE EXCEPTION 'bank % of agreement % was corrected in the period from %, and the period from % was not',
            NEW.zone, NEW.agreement_id, NEW.period_start, following.period_start
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_unit_bank_taken_on AFTER INSERT ON billing_unit_bank
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_units_after();
