-- What was brought and signed off is only ever added to.
CREATE FUNCTION billing_opening_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a sign-off of opening balances is never changed or deleted: a changed balance is signed off anew'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER billing_opening_balance_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_opening_balance
    FOR EACH STATEMENT EXECUTE FUNCTION billing_opening_only_added();

-- Agreements that are charged already count as signed off. Those that files brought with a balance and that are not
-- charged yet are signed off before their first charge.
INSERT INTO billing_opening_balance (id, agreement_id, recorded_at, actor, operation_id)
SELECT (a.id >> 40 << 40) | nextval('journal_number'), a.id, a.recorded_at, a.actor, a.operation_id
FROM contracts_agreement a JOIN journal_operation o ON o.id = a.operation_id AND o.kind = 'import'
WHERE NOT EXISTS (SELECT FROM billing_close c WHERE c.agreement_id = a.id) AND (
    EXISTS (SELECT FROM billing_deposit d WHERE d.agreement_id = a.id)
    OR EXISTS (SELECT FROM billing_arrear r WHERE r.account_id = a.account_id)
    OR EXISTS (SELECT FROM books_credit_request q WHERE q.idempotency_key = 'opening-credit:' || a.id)
);
