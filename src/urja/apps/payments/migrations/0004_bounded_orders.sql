-- At most fifty orders of an account may still be paid. Each is placed at the gateway and asked about for days, so that a
-- consumer's program that opens them without end would keep the payments of all others waiting.
CREATE FUNCTION payments_order_is_bounded() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (SELECT count(*) FROM public.payments_order
        WHERE account_id = NEW.account_id AND state IN ('created', 'pending', 'failed')) >= 50 THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_order_is_bounded BEFORE INSERT ON payments_order
    FOR EACH ROW EXECUTE FUNCTION payments_order_is_bounded();
