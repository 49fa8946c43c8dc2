-- The day of a slip is what its writer says: a receipt that was made up from an entry on a loaded statement, with a number out of
-- its text, could be on a slip of the day before. The receipt has the pipeline's time: it comes before the statement was loaded,
-- and not after the day of the entry.
CREATE OR REPLACE VIEW bank_entry_of_cheque WITH (security_invoker) AS
SELECT e.id AS entry_id, c.id AS receipt_id
FROM counter_receipt c
JOIN counter_deposit d ON d.id = c.deposit_id
JOIN bank_entry e ON e.amount_minor = c.amount_minor AND e.utr = '' AND NOT e.reversal AND e.booked_on >= d.deposited_on
    AND bank_cheque_number(c.cheque_number)
        IN (SELECT ltrim(number, '0') FROM regexp_split_to_table(e.narration, '[^0-9]+') AS number)
JOIN bank_statement s ON s.id = e.statement_id AND s.approval_id IS NOT NULL
    AND s.loaded_at >= c.received_at AND e.booked_on >= (c.received_at AT TIME ZONE 'UTC')::date
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
