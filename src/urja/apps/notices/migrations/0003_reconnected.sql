-- The dedupe keys change with the kind, so that a supply whose reconnection was notified is not notified of it again.
UPDATE notices_notice SET kind = 'reconnected', dedupe_key = regexp_replace(dedupe_key, '^lit:', 'reconnected:')
WHERE kind = 'lit';

-- In the place of notices_lit, which `supply` drops once its trigger is another.
CREATE FUNCTION notices_reconnected() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notices_notice (account_id, kind, params, dedupe_key, requested_at, state,
                                failure, detail, text, language, channel, recipient, provider_id, attempts, questions)
    VALUES (NEW.account_id, 'reconnected', '{}', 'reconnected:' || NEW.command_id, NEW.closed_at, 'requested',
            '', '', '', '', '', '', '', 0, 0)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
