-- Which entry proves that the bank has paid a cheque: a payment of its amount on an accepted statement, on or after the day
-- of the slip, that names its number. The number is taken for one from four digits on, since shorter ones stand in many texts.
-- An entry with the reference of a transfer proves no cheque: its number could be chosen as the reference of another's
-- transfer. No entry proves two cheques, and none that the bank has taken back.
CREATE FUNCTION bank_cheque_number(written text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ltrim(regexp_replace(written, '[^0-9]', '', 'g'), '0');
REVOKE EXECUTE ON FUNCTION bank_cheque_number FROM PUBLIC;

CREATE VIEW bank_entry_of_cheque WITH (security_invoker) AS
SELECT e.id AS entry_id, c.id AS receipt_id
FROM counter_receipt c
JOIN counter_deposit d ON d.id = c.deposit_id
JOIN bank_entry e ON e.amount_minor = c.amount_minor AND e.utr = '' AND NOT e.reversal AND e.booked_on >= d.deposited_on
    AND bank_cheque_number(c.cheque_number)
        IN (SELECT ltrim(number, '0') FROM regexp_split_to_table(e.narration, '[^0-9]+') AS number)
JOIN bank_statement s ON s.id = e.statement_id AND s.approval_id IS NOT NULL
WHERE c.instrument = 'cheque' AND length(bank_cheque_number(c.cheque_number)) >= 4
    AND NOT EXISTS (SELECT FROM bank_match m WHERE m.entry_id = e.id AND m.reversed_at IS NULL)
    AND NOT EXISTS (SELECT FROM bank_cheque_payment p WHERE p.entry_id = e.id)
    AND NOT EXISTS (SELECT FROM bank_entry r WHERE r.bank_account_id = e.bank_account_id
        AND r.amount_minor = -e.amount_minor AND r.booked_on >= e.booked_on AND bank_cheque_number(c.cheque_number)
            IN (SELECT ltrim(number, '0') FROM regexp_split_to_table(r.narration, '[^0-9]+') AS number))
    -- A cheque of the same number and amount that was credited without an entry may be the one that this entry paid.
    AND NOT EXISTS (SELECT FROM counter_receipt o WHERE o.id <> c.id AND o.amount_minor = c.amount_minor
        AND o.instrument = 'cheque' AND o.state IN ('cleared', 'returned')
        AND bank_cheque_number(o.cheque_number) = bank_cheque_number(c.cheque_number)
        AND NOT EXISTS (SELECT FROM bank_cheque_payment p WHERE p.receipt_id = o.id));

CREATE FUNCTION bank_cheque_is_its_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM bank_entry_of_cheque x WHERE x.entry_id = NEW.entry_id AND x.receipt_id = NEW.receipt_id) THEN
        RAISE EXCEPTION 'entry % proves no payment of the cheque of receipt %', NEW.entry_id, NEW.receipt_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_cheque_is_its_entry BEFORE INSERT ON bank_cheque_payment
    FOR EACH ROW EXECUTE FUNCTION bank_cheque_is_its_entry();
CREATE TRIGGER bank_cheque_payment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_cheque_payment
    FOR EACH STATEMENT EXECUTE FUNCTION bank_refuse_change();
