CREATE SEQUENCE bank_number AS bigint;

-- What the web stores is bounded. The web may not count uploads, so the owner does.
ALTER TABLE bank_upload ADD CONSTRAINT bank_upload_is_small CHECK (octet_length(body) BETWEEN 1 AND 4194304);
CREATE FUNCTION bank_upload_is_bounded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    IF (SELECT count(*) FROM bank_upload) >= 50 THEN
        RAISE EXCEPTION '50 uploaded statements wait: approve them, or let them expire'
            USING ERRCODE = 'program_limit_exceeded';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_upload_is_bounded BEFORE INSERT ON bank_upload
    FOR EACH ROW EXECUTE FUNCTION bank_upload_is_bounded();

-- At most five claims of an account are open, so that references are not found by trying.
CREATE FUNCTION bank_claim_is_bounded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('bank_claim', NEW.account_id));
    IF (SELECT count(*) FROM bank_claim WHERE account_id = NEW.account_id AND state IN ('waiting', 'clerk')) >= 5
    THEN
        RAISE EXCEPTION '5 claims of account % wait for the statement or a clerk', NEW.account_id
            USING ERRCODE = 'program_limit_exceeded';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_claim_is_bounded BEFORE INSERT ON bank_claim
    FOR EACH ROW EXECUTE FUNCTION bank_claim_is_bounded();

-- Claims are decided once; what was credited may be taken back. A clerk may look again at what was refused or reversed.
CREATE FUNCTION bank_claim_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (('waiting', 'clerk'), ('waiting', 'credited'), ('clerk', 'credited'),
        ('clerk', 'refused'), ('refused', 'credited'), ('credited', 'reversed'), ('reversed', 'credited')) THEN
        RAISE EXCEPTION 'claim % is %: it does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_claim_only_forward BEFORE UPDATE ON bank_claim
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION bank_claim_only_forward();

-- A credit is what its entry says: its amount, a credit, of the bank account that the claim names, for the claim's account.
CREATE FUNCTION bank_match_is_its_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM bank_entry e JOIN bank_claim c ON c.id = NEW.claim_id
        JOIN books_credit_request r ON r.id = NEW.credit_id
        WHERE e.id = NEW.entry_id AND e.amount_minor > 0 AND NOT e.reversal AND e.amount_minor = NEW.amount_minor
            AND e.bank_account_id = c.bank_account_id AND c.account_id = NEW.account_id
            AND r.account_id = NEW.account_id AND r.amount_minor = NEW.amount_minor) THEN
        RAISE EXCEPTION 'the credit of entry % is not what the entry and claim % say', NEW.entry_id, NEW.claim_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_match_is_its_entry BEFORE INSERT ON bank_match
    FOR EACH ROW EXECUTE FUNCTION bank_match_is_its_entry();

-- Statements and entries are only added, also by the owner.
CREATE FUNCTION bank_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is only added to', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER bank_statement_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_statement
    FOR EACH STATEMENT EXECUTE FUNCTION bank_refuse_change();
CREATE TRIGGER bank_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_entry
    FOR EACH STATEMENT EXECUTE FUNCTION bank_refuse_change();
