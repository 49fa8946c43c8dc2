-- A receipt of a transfer is returned where its credit was taken back.
CREATE OR REPLACE FUNCTION counter_receipt_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.series, NEW.number, NEW.account_id, NEW.drawer_id, NEW.instrument, NEW.amount_minor, NEW.received_at,
            NEW.source)
        IS DISTINCT FROM
        (OLD.id, OLD.series, OLD.number, OLD.account_id, OLD.drawer_id, OLD.instrument, OLD.amount_minor, OLD.received_at,
            OLD.source)
        OR (OLD.deposit_id IS NOT NULL AND NEW.deposit_id IS DISTINCT FROM OLD.deposit_id)
        OR (NEW.deposit_id IS DISTINCT FROM OLD.deposit_id AND (NEW.instrument <> 'cheque' OR OLD.state <> 'taken'))
        OR (NEW.state <> OLD.state AND (NEW.instrument, OLD.state, NEW.state) NOT IN (
            ('cash', 'taken', 'cancelled'), ('cheque', 'taken', 'cancelled'), ('cheque', 'taken', 'cleared'),
            ('cheque', 'taken', 'returned'), ('cheque', 'cleared', 'returned'),
            ('transfer', 'taken', 'returned'), ('upi', 'taken', 'returned')))
        OR (NEW.state = 'cancelled' AND (OLD.deposit_id IS NOT NULL OR EXISTS (
            SELECT FROM counter_drawer d WHERE d.id = NEW.drawer_id AND d.closed_at IS NOT NULL)))
    THEN
        RAISE EXCEPTION 'receipt % (%) is %: it does not become %', OLD.id, OLD.instrument, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- A receipt of a transfer has its credit, of its account and amount, before it.
CREATE FUNCTION counter_transfer_is_credited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM books_credit_request c WHERE c.idempotency_key = NEW.source AND c.account_id = NEW.account_id
        AND c.amount_minor = NEW.amount_minor AND c.kind = 'recharge';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'receipt % of % has no credit of this account and amount', NEW.id, NEW.amount_minor
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counter_transfer_is_credited BEFORE INSERT ON counter_receipt
    FOR EACH ROW WHEN (NEW.drawer_id IS NULL) EXECUTE FUNCTION counter_transfer_is_credited();
