-- The reference of a credit of the counter is the printed number of its receipt.
CREATE OR REPLACE FUNCTION notices_recharged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notices_notice (account_id, kind, params, dedupe_key, requested_at, state,
                                failure, detail, text, language, channel, recipient, provider_id, attempts, questions)
    VALUES (NEW.account_id, 'recharge', jsonb_build_object('amount_minor', NEW.amount_minor)
                || CASE WHEN NEW.idempotency_key ^@ 'counter:' THEN jsonb_build_object('receipt', NEW.reference) ELSE '{}' END,
            'recharge:' || NEW.id, NEW.posted_at, 'requested', '', '', '', '', '', '', '', 0, 0)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
