-- The notice of a payment for maintenance is one of the maintenance account: decisions about the supply never see it.
CREATE OR REPLACE FUNCTION notices_recharged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notices_notice (account_id, kind, params, dedupe_key, requested_at, state,
                                failure, detail, text, language, channel, recipient, provider_id, attempts, questions)
    VALUES (NEW.account_id, CASE WHEN NEW.kind = 'maintenance' THEN 'maintenance' ELSE 'recharge' END,
            jsonb_build_object('amount_minor', NEW.amount_minor)
                || CASE WHEN NEW.idempotency_key ^@ 'counter:' THEN jsonb_build_object('receipt', NEW.reference) ELSE '{}' END,
            'recharge:' || NEW.id, NEW.posted_at, 'requested', '', '', '', '', '', '', '', 0, 0)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
DROP TRIGGER notices_recharge_posted ON books_credit_request;
CREATE TRIGGER notices_recharge_posted AFTER UPDATE OF posted_at ON books_credit_request
    FOR EACH ROW WHEN (OLD.posted_at IS NULL AND NEW.posted_at IS NOT NULL
        AND NEW.kind IN ('recharge', 'payment', 'maintenance'))
    EXECUTE FUNCTION notices_recharged();
