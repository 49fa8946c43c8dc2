-- The hash is that of the bytes, whoever writes it.
ALTER TABLE bank_statement ADD CONSTRAINT bank_statement_hash CHECK (sha256 = encode(sha256(body), 'hex'));

-- A statement was accepted by its actor's own passkey, over the hash that it has. Without an approval it is one of a dry
-- run, and credits nothing.
CREATE FUNCTION bank_statement_is_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM approvals_waiting w
        JOIN approvals_credential c ON c.id = w.actor_credential_id AND c.revoked_at IS NULL
        JOIN journal_request r ON r.id = w.request_id
        WHERE w.request_id = NEW.approval_id AND w.ended_at IS NULL AND r.kind = 'load_statement'
            AND r.actor = NEW.actor AND r.actor ~ ('^user ' || c.user_id || '( |$)') AND r.content->>'sha256' = NEW.sha256;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'statement % is not accepted by the passkey of its actor', NEW.sha256
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_statement_is_approved BEFORE INSERT ON bank_statement
    FOR EACH ROW WHEN (NEW.approval_id IS NOT NULL) EXECUTE FUNCTION bank_statement_is_approved();

-- A credit is what its entry says: its amount, a credit, of the bank account that the claim names, for the claim's
-- account, on a statement that a passkey has accepted.
CREATE OR REPLACE FUNCTION bank_match_is_its_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM bank_entry e JOIN bank_claim c ON c.id = NEW.claim_id
        JOIN bank_statement s ON s.id = e.statement_id AND s.approval_id IS NOT NULL
        JOIN books_credit_request r ON r.id = NEW.credit_id
        WHERE e.id = NEW.entry_id AND e.amount_minor > 0 AND NOT e.reversal AND e.amount_minor = NEW.amount_minor
            AND e.bank_account_id = c.bank_account_id AND c.account_id = NEW.account_id
            AND r.account_id = NEW.account_id AND r.amount_minor = NEW.amount_minor
            AND r.idempotency_key ~ ('^bank:' || e.id || '(:[0-9]+)?$')) THEN
        RAISE EXCEPTION 'the credit of entry % is not what the entry and claim % say', NEW.entry_id, NEW.claim_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- What was matched stays; only its reversal is added.
CREATE FUNCTION bank_match_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.entry_id, NEW.claim_id, NEW.account_id, NEW.amount_minor, NEW.credit_id, NEW.matched_at)
        IS DISTINCT FROM (OLD.entry_id, OLD.claim_id, OLD.account_id, OLD.amount_minor, OLD.credit_id, OLD.matched_at)
        OR OLD.reversed_at IS NOT NULL THEN
        RAISE EXCEPTION 'match % stays as it is', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_match_stays BEFORE UPDATE ON bank_match FOR EACH ROW EXECUTE FUNCTION bank_match_stays();
CREATE TRIGGER bank_match_append_only BEFORE DELETE OR TRUNCATE ON bank_match
    FOR EACH STATEMENT EXECUTE FUNCTION bank_refuse_change();

-- A credit by a statement has its match when the transaction ends.
CREATE FUNCTION bank_credit_has_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind <> 'recharge' OR NOT EXISTS (SELECT FROM bank_match WHERE credit_id = NEW.id) THEN
        RAISE EXCEPTION 'credit % of % stands on no statement', NEW.idempotency_key, NEW.amount_minor
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER bank_credit_has_entry AFTER INSERT ON books_credit_request DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.idempotency_key ^@ 'bank:') EXECUTE FUNCTION bank_credit_has_entry();
