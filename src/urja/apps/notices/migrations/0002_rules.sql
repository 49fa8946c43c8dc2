-- Notices that follow from what has happened, asked for in the transaction in which it happens. A recharge that was
-- posted, a light that is back, a meter that waits for a hand at its button: each is told once (the dedupe key names it),
-- and none is missed however late a transaction commits. SECURITY INVOKER: all of it is the pipeline's doing, and the
-- pipeline may ask for notices.
CREATE FUNCTION notices_recharged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notices_notice (account_id, kind, params, dedupe_key, requested_at, state,
                                failure, detail, text, language, channel, recipient, provider_id, attempts, questions)
    VALUES (NEW.account_id, 'recharge', jsonb_build_object('amount_minor', NEW.amount_minor),
            'recharge:' || NEW.id, NEW.posted_at, 'requested', '', '', '', '', '', '', '', 0, 0)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER notices_recharge_posted AFTER UPDATE OF posted_at ON books_credit_request
    FOR EACH ROW WHEN (OLD.posted_at IS NULL AND NEW.posted_at IS NOT NULL AND NEW.kind IN ('recharge', 'payment'))
    EXECUTE FUNCTION notices_recharged();

CREATE FUNCTION notices_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notices_notice (account_id, kind, params, dedupe_key, requested_at, state,
                                failure, detail, text, language, channel, recipient, provider_id, attempts, questions)
    VALUES (NEW.account_id, 'press', '{}', 'press:' || NEW.id, NEW.ended_at, 'requested',
            '', '', '', '', '', '', '', 0, 0)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER notices_button_waits AFTER UPDATE OF state ON commands_command
    FOR EACH ROW WHEN (NEW.kind = 'connect' AND NEW.state = 'waiting_for_person' AND NEW.account_id IS NOT NULL
        AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION notices_waits();

-- The supply, which is above, makes the trigger.
CREATE FUNCTION notices_lit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notices_notice (account_id, kind, params, dedupe_key, requested_at, state,
                                failure, detail, text, language, channel, recipient, provider_id, attempts, questions)
    VALUES (NEW.account_id, 'lit', '{}', 'lit:' || NEW.command_id, NEW.closed_at, 'requested',
            '', '', '', '', '', '', '', 0, 0)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;


-- Receipts are stored raw and bounded. The web may fill a table that the pipeline empties, but no disk. It may not count
-- what waits, so the owner does.
ALTER TABLE notices_receipt ADD CONSTRAINT notices_receipt_is_small CHECK (octet_length(body) <= 16384);
ALTER TABLE notices_receipt ADD CONSTRAINT notices_receipt_headers_are_small CHECK (octet_length(headers::text) <= 16384);
CREATE FUNCTION notices_receipt_is_bounded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM notices_receipt WHERE applied_at IS NULL LIMIT 2000) waiting) >= 2000 THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER notices_receipt_is_bounded BEFORE INSERT ON notices_receipt
    FOR EACH ROW EXECUTE FUNCTION notices_receipt_is_bounded();


-- The one way in which what names a person leaves the books. It is here because messages are the highest of the tables
-- that name people. SECURITY DEFINER: history and audit are changed by nobody else, and sign-ins are the web's.
CREATE FUNCTION notices_forget(person bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    forgotten people_person%ROWTYPE;
    reached text[];
    words text[];
    operations bigint[];
BEGIN
    SELECT * INTO forgotten FROM people_person WHERE id = person FOR UPDATE;
    IF forgotten.nameless_at IS NULL OR forgotten.name <> '' THEN
        RAISE EXCEPTION 'person % is not nameless', person;
    END IF;

    -- What ever named them: e-mail addresses and telephone numbers are theirs alone, names and addresses may be others' too.
    SELECT coalesce(array_agg(DISTINCT journal_plain(word)), '{}') INTO reached FROM (
        SELECT unnest(ARRAY[row->>'email', row->>'phone']) AS word
        FROM journal_history WHERE table_name = 'people_person' AND row_id = person
        UNION ALL SELECT unnest(ARRAY[email, username]) FROM auth_user WHERE id = forgotten.user_id
        UNION ALL SELECT email FROM account_emailaddress WHERE user_id = forgotten.user_id
        UNION ALL SELECT unnest(ARRAY[old_email, new_email]) FROM identity_address_change
        WHERE person_id = person OR user_id = forgotten.user_id
    ) said WHERE word <> '';
    SELECT reached || coalesce(array_agg(DISTINCT journal_plain(word)), '{}') INTO words FROM (
        SELECT unnest(ARRAY[row->>'name', row->>'address']) AS word
        FROM journal_history WHERE table_name = 'people_person' AND row_id = person
        UNION ALL SELECT unnest(ARRAY[first_name, last_name]) FROM auth_user WHERE id = forgotten.user_id
        UNION ALL SELECT evidence FROM people_protection WHERE person_id = person
    ) said WHERE word <> '';

    UPDATE people_protection SET evidence = '' WHERE person_id = person AND evidence <> '';
    UPDATE journal_history SET row = row || '{"name": "", "email": "", "phone": null, "address": ""}'
    WHERE table_name = 'people_person' AND row_id = person;
    UPDATE journal_history SET row = row || '{"evidence": ""}'
    WHERE table_name = 'people_protection' AND row->>'person_id' = person::text;

    SELECT array_agg(DISTINCT id) INTO operations FROM (
        SELECT forgotten.operation_id AS id
        UNION ALL SELECT operation_id FROM journal_history WHERE table_name = 'people_person' AND row_id = person
        UNION ALL SELECT operation_id FROM identity_address_change
        WHERE person_id = person OR user_id = forgotten.user_id
        UNION ALL SELECT operation_id FROM people_consent WHERE person_id = person
        UNION ALL SELECT operation_id FROM people_protection WHERE person_id = person
        UNION ALL SELECT operation_id FROM identity_employment WHERE user_id = forgotten.user_id
        UNION ALL SELECT operation_id FROM identity_token WHERE user_id = forgotten.user_id
        UNION ALL SELECT o.id FROM journal_operation o
        WHERE o.service_point_id IN (
            SELECT service_point_id FROM contracts_agreement WHERE customer_id = person
            UNION SELECT g.service_point_id FROM contracts_agreement g
            JOIN identity_account_access x ON x.account_id = g.account_id WHERE x.person_id = person
        )
    ) touched WHERE id IS NOT NULL;
    PERFORM set_config('urja.forgetting', 'yes', true);
    UPDATE journal_operation SET content = journal_without(content, words), outcome = journal_without(outcome, words)
    WHERE id = ANY(operations);
    PERFORM set_config('urja.forgetting', '', true);
    UPDATE journal_request SET
        content = journal_without(content, words), effects = journal_without(effects, words),
        faults = CASE WHEN EXISTS (SELECT FROM unnest(words) w WHERE strpos(journal_plain(faults::text), w) > 0)
            THEN '[]' ELSE faults END
    WHERE operation_id = ANY(operations) OR journal_without(content, reached) <> content;

    UPDATE identity_address_change SET old_email = '', new_email = '',
        ended_at = coalesce(ended_at, forgotten.nameless_at),
        state = CASE WHEN state = 'waiting' THEN 'withdrawn' ELSE state END
    WHERE person_id = person OR user_id = forgotten.user_id;
    DELETE FROM journal_external WHERE kind = 'person' AND object_id = person;
    UPDATE notices_notice SET recipient = '' WHERE recipient <> '' AND journal_plain(recipient) = ANY(reached);
    DELETE FROM notices_message WHERE journal_plain(recipient) = ANY(reached);
    UPDATE identity_token SET revoked_at = forgotten.nameless_at
    WHERE user_id = forgotten.user_id AND revoked_at IS NULL;
    DELETE FROM account_emailaddress WHERE user_id = forgotten.user_id;
    UPDATE auth_user SET username = 'nameless-' || id, email = '', first_name = '', last_name = '', is_active = false
    WHERE id = forgotten.user_id;
END $$;
REVOKE ALL ON FUNCTION notices_forget FROM PUBLIC;
