-- Entries that the society's own records explain: payouts in a gateway's report, by their reference, and cheques on a
-- deposit slip, by number and amount. They are credited already, and are no transfers of consumers. The web's role may
-- not read references and texts of entries, so the view reads them as its owner.
CREATE VIEW bank_explained_entry WITH (security_barrier) AS
SELECT e.id AS entry_id, 'payout of a gateway' AS explained_by
FROM bank_entry e JOIN payments_settlement_row r ON upper(btrim(r.utr)) = e.utr
WHERE e.utr <> '' AND e.amount_minor > 0
UNION ALL
SELECT e.id, 'cheque on a slip'
FROM bank_entry e JOIN counter_receipt c ON c.amount_minor = e.amount_minor
WHERE c.instrument = 'cheque' AND c.deposit_id IS NOT NULL
    -- Banks fill the number with zeros, or leave its own away.
    AND ltrim(regexp_replace(c.cheque_number, '[^0-9]', '', 'g'), '0') <> ''
    AND ltrim(regexp_replace(c.cheque_number, '[^0-9]', '', 'g'), '0')
        IN (SELECT ltrim(number, '0') FROM regexp_split_to_table(e.narration, '[^0-9]+') AS number);

-- Each of up to 500 claims looks up one entry.
CREATE INDEX bank_payout_by_utr ON payments_settlement_row (upper(btrim(utr))) WHERE utr <> '';
CREATE INDEX bank_cheque_by_amount ON counter_receipt (amount_minor)
    WHERE instrument = 'cheque' AND deposit_id IS NOT NULL;

-- A credit is what its entry says: its amount, a credit, of the bank account that the claim names, for the claim's
-- account, on a statement that a passkey has accepted; and nothing else explains the entry.
CREATE OR REPLACE FUNCTION bank_match_is_its_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM bank_entry e JOIN bank_claim c ON c.id = NEW.claim_id
        JOIN bank_statement s ON s.id = e.statement_id AND s.approval_id IS NOT NULL
        JOIN books_credit_request r ON r.id = NEW.credit_id
        WHERE e.id = NEW.entry_id AND e.amount_minor > 0 AND NOT e.reversal AND e.amount_minor = NEW.amount_minor
            AND e.bank_account_id = c.bank_account_id AND c.account_id = NEW.account_id
            AND r.account_id = NEW.account_id AND r.amount_minor = NEW.amount_minor
            AND r.idempotency_key ~ ('^bank:' || e.id || '(:[0-9]+)?$')
            AND NOT EXISTS (SELECT FROM bank_explained_entry x WHERE x.entry_id = e.id)) THEN
        RAISE EXCEPTION 'the credit of entry % is not what the entry and claim % say', NEW.entry_id, NEW.claim_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
