-- Views of payments for other apps.
CREATE VIEW payments.order WITH (security_invoker) AS
SELECT id, account_id, user_id, amount_minor, currency, provider, state, correlation, created_at, pending_at, paid_at,
    credited_at, ended_at
FROM payments_order;

-- Payments that a gateway authorised and that are not credited, failed ones among them.
CREATE VIEW payments.uncredited WITH (security_invoker) AS
SELECT account_id FROM payments_payment WHERE authorised_at IS NOT NULL AND credit_id IS NULL;
