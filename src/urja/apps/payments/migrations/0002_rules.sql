CREATE SEQUENCE payments_number AS bigint;

-- States only go forward.
CREATE FUNCTION payments_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE rank CONSTANT jsonb := CASE TG_TABLE_NAME
    WHEN 'payments_order' THEN '{"created": 0, "pending": 1, "failed": 2, "expired": 3, "paid": 4, "credited": 5,
        "reversed": 6}'::jsonb
    ELSE '{"created": 0, "failed": 1, "authorised": 2, "captured": 3, "refunded": 4}'::jsonb END;
BEGIN
    IF (rank->>NEW.state)::int <= (rank->>OLD.state)::int THEN
        RAISE EXCEPTION '% % is %: it does not become %', TG_TABLE_NAME, OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_only_forward BEFORE UPDATE ON payments_order
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION payments_only_forward();
CREATE TRIGGER payments_only_forward BEFORE UPDATE ON payments_payment
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION payments_only_forward();

-- What comes in is stored raw and bounded. The web may fill a table that the pipeline empties, but no disk. It may not
-- count what waits, so the owner does.
ALTER TABLE payments_inbox ADD CONSTRAINT payments_inbox_is_small CHECK (octet_length(body) <= 65536);
ALTER TABLE payments_inbox ADD CONSTRAINT payments_inbox_headers_are_small CHECK (octet_length(headers::text) <= 16384);
CREATE FUNCTION payments_inbox_is_bounded() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM payments_inbox WHERE processed_at IS NULL LIMIT 2000) waiting) >= 2000 THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_inbox_is_bounded BEFORE INSERT ON payments_inbox
    FOR EACH ROW EXECUTE FUNCTION payments_inbox_is_bounded();
