-- What is changed is remembered; who read what of a person is only added to.
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON identity_account_access
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON identity_employment
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON identity_personal_read
    FOR EACH ROW EXECUTE FUNCTION journal_append_only();


-- An address to sign in with is a confirmed one. Whoever writes it: an operation that forgets to ask is refused here.
-- Who is made nameless has no address any more.
-- Whoever writes it: an operation that forgets to ask is refused here. Who is made nameless has no address any more.
CREATE FUNCTION identity_address_is_confirmed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.email <> '' AND NOT EXISTS (
        SELECT FROM identity_address_change c
        WHERE c.user_id = NEW.id AND c.state = 'waiting' AND c.new_email = NEW.email AND NEW.username = NEW.email
            AND c.new_confirmed_at IS NOT NULL
            AND (c.old_confirmed_at IS NOT NULL OR c.approval_counts_from IS NOT NULL)
    ) THEN
        RAISE EXCEPTION 'the address of user % is not confirmed', NEW.id;
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION identity_address_is_confirmed FROM PUBLIC;
CREATE TRIGGER identity_address_is_confirmed BEFORE UPDATE ON auth_user
    FOR EACH ROW WHEN (OLD.email <> NEW.email OR OLD.username <> NEW.username)
    EXECUTE FUNCTION identity_address_is_confirmed();

-- Who signs in is looked up by it.
CREATE INDEX auth_user_email_upper ON auth_user (upper(email));


-- What happens at the door: what the web writes of it has the database's time and a size, and stays.
CREATE FUNCTION identity_sign_in_is_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user = 'urja_web' THEN
        NEW.at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER identity_sign_in_is_now BEFORE INSERT ON identity_sign_in
    FOR EACH ROW EXECUTE FUNCTION identity_sign_in_is_now();

CREATE FUNCTION identity_sign_ins_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what happened at the door is never changed';
END $$;
CREATE TRIGGER identity_sign_ins_stay BEFORE UPDATE ON identity_sign_in
    FOR EACH ROW EXECUTE FUNCTION identity_sign_ins_stay();

ALTER TABLE identity_sign_in ADD CONSTRAINT identity_sign_in_sizes CHECK (
    octet_length(address_digest) = 32 AND (device_digest IS NULL OR octet_length(device_digest) = 32)
);
