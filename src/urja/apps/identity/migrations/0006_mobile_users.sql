-- Users who may sign in by a code to one of these numbers (all spellings of one), the earliest person first. One function for
-- web and pipeline, so that neither decides otherwise, and one statement, so that no number tells by its statements.
-- SECURITY DEFINER: the web reads no history, and the pipeline no authenticators.
CREATE FUNCTION identity_mobile_users(phones text[]) RETURNS TABLE (user_id integer, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH sharing AS (
        SELECT p.id, p.user_id, p.name, p.phone FROM people_person p JOIN auth_user u ON u.id = p.user_id
        WHERE p.phone = ANY(phones) AND p.nameless_at IS NULL AND u.is_active
    )
    SELECT s.user_id, s.name::text FROM sharing s
    -- More people than a family: the number of an office or an agent, or a placeholder.
    WHERE (SELECT count(*) FROM sharing) <= 5
    -- Who corrects a number must not sign in by it: it has been the person's ever since there is a login.
    AND NOT EXISTS (
        SELECT FROM journal_history h WHERE h.table_name = 'people_person' AND h.row_id = s.id
        AND h.row->>'user_id' IS NOT NULL AND h.row->>'phone' IS DISTINCT FROM s.phone
    )
    -- A code by SMS must not be the way around a second factor.
    AND NOT EXISTS (SELECT FROM mfa_authenticator a WHERE a.user_id = s.user_id)
    ORDER BY s.id
$$;
REVOKE ALL ON FUNCTION identity_mobile_users FROM PUBLIC;
