-- A person with a telephone number and no e-mail address has a login too: by the number alone, with a name that no form takes.
-- Of people of before: no history is written, as no operation asks for it.
ALTER TABLE people_person DISABLE TRIGGER journal_remember;
INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
SELECT '!', false, 'person-' || id, left(name, 150), '', '', false, true, recorded_at FROM people_person
WHERE user_id IS NULL AND phone IS NOT NULL AND nameless_at IS NULL;
UPDATE people_person p SET user_id = u.id FROM auth_user u
WHERE p.user_id IS NULL AND u.username = 'person-' || p.id AND u.email = '';
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE people_person ENABLE TRIGGER journal_remember;


DROP FUNCTION identity_mobile_users(text[]);
-- Users who may sign in by a code to one of these numbers (all spellings of one) at an instant of business time, the earliest
-- person first. One function for web and pipeline, so that neither decides otherwise, and one statement, so that no number
-- tells by its statements. SECURITY DEFINER: the web reads no history, and the pipeline no authenticators.
CREATE FUNCTION identity_mobile_users(phones text[], at timestamptz) RETURNS TABLE (user_id integer, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH sharing AS (
        SELECT p.id, p.user_id, p.name, u.email FROM people_person p JOIN auth_user u ON u.id = p.user_id
        WHERE p.phone = ANY(phones) AND p.nameless_at IS NULL AND u.is_active
    )
    SELECT s.user_id, s.name::text FROM sharing s
    -- More people than a family: the number of an office or an agent, or a placeholder.
    WHERE (SELECT count(*) FROM sharing) <= 5
    -- Who corrects a number must not sign in by it. With an e-mail address to sign in with, it has been the person's ever since
    -- there is a login. Without one, a new number would never sign in: it has been the person's for 14 days.
    AND NOT EXISTS (
        SELECT FROM journal_history h WHERE h.table_name = 'people_person' AND h.row_id = s.id
        AND coalesce(h.row->>'phone' <> ALL(phones), true)
        AND CASE WHEN s.email = '' THEN h.known_to > at - interval '14 days' ELSE h.row->>'user_id' IS NOT NULL END
    )
    -- A code by SMS must not be the way around a second factor.
    AND NOT EXISTS (SELECT FROM mfa_authenticator a WHERE a.user_id = s.user_id)
    ORDER BY s.id
$$;
REVOKE ALL ON FUNCTION identity_mobile_users FROM PUBLIC;


-- An address to sign in with is a confirmed one, or the first one of a login that was never used.
CREATE OR REPLACE FUNCTION identity_address_is_confirmed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.email <> '' AND NOT EXISTS (
        SELECT FROM identity_address_change c
        WHERE c.user_id = NEW.id AND c.state = 'waiting' AND c.new_email = NEW.email AND NEW.username = NEW.email
            AND c.new_confirmed_at IS NOT NULL
            AND (c.old_confirmed_at IS NOT NULL OR c.approval_counts_from IS NOT NULL)
    ) AND NOT (
        OLD.email = '' AND OLD.is_active AND NEW.username = NEW.email
        AND NOT EXISTS (SELECT FROM identity_sign_in s WHERE s.user_id = NEW.id AND s.kind = 'signed_in')
    ) THEN
        RAISE EXCEPTION 'the address of user % is not confirmed', NEW.id;
    END IF;
    RETURN NEW;
END $$;
