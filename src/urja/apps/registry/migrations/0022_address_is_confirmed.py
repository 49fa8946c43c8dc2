"""The database holds addresses to their confirmation, and what the web writes of the door to its time and size."""

from django.db import migrations

_CONFIRMED = """
-- Whoever writes it: an operation that forgets to ask is refused here. Who is made nameless has no address any more.
CREATE FUNCTION registry_address_is_confirmed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.email <> '' AND NOT EXISTS (
        SELECT FROM registry_address_change c
        WHERE c.user_id = NEW.id AND c.state = 'waiting' AND c.new_email = NEW.email AND NEW.username = NEW.email
            AND c.new_confirmed_at IS NOT NULL
            AND (c.old_confirmed_at IS NOT NULL OR c.approval_counts_from IS NOT NULL)
    ) THEN
        RAISE EXCEPTION 'the address of user % is not confirmed', NEW.id;
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION registry_address_is_confirmed FROM PUBLIC;
CREATE TRIGGER registry_address_is_confirmed BEFORE UPDATE ON auth_user
    FOR EACH ROW WHEN (OLD.email <> NEW.email OR OLD.username <> NEW.username)
    EXECUTE FUNCTION registry_address_is_confirmed();

CREATE FUNCTION registry_sign_in_is_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user = 'urja_web' THEN
        NEW.at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER registry_sign_in_is_now BEFORE INSERT ON registry_sign_in
    FOR EACH ROW EXECUTE FUNCTION registry_sign_in_is_now();
ALTER TABLE registry_sign_in ADD CONSTRAINT registry_sign_in_sizes CHECK (
    octet_length(address_digest) = 32 AND (device_digest IS NULL OR octet_length(device_digest) = 32)
);
"""

_REVERSE = """
ALTER TABLE registry_sign_in DROP CONSTRAINT registry_sign_in_sizes;
DROP TRIGGER registry_sign_in_is_now ON registry_sign_in;
DROP FUNCTION registry_sign_in_is_now();
DROP TRIGGER registry_address_is_confirmed ON auth_user;
DROP FUNCTION registry_address_is_confirmed();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0021_asked"),
    ]

    operations = [migrations.RunSQL(_CONFIRMED, _REVERSE)]
