-- A drawer lives a day at most.
ALTER TABLE counter_drawer ADD CONSTRAINT counter_drawer_lives_a_day
    CHECK (expires_at <= opened_at + interval '24 hours');

-- It is open by its cashier's own passkey, over the ceiling that it has. Without an approval it is one of a dry run.
CREATE FUNCTION counter_drawer_is_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM approvals_waiting w
        JOIN approvals_credential c ON c.id = w.actor_credential_id AND c.revoked_at IS NULL
        JOIN journal_request r ON r.id = w.request_id
        WHERE w.request_id = NEW.approval_id AND w.ended_at IS NULL AND c.user_id = NEW.cashier_id
            AND r.kind = 'open_drawer' AND r.content->>'ceiling_minor' = NEW.ceiling_minor::text;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'drawer % is not opened by the passkey of its cashier', NEW.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counter_drawer_is_approved BEFORE INSERT ON counter_drawer
    FOR EACH ROW WHEN (NEW.approval_id IS NOT NULL) EXECUTE FUNCTION counter_drawer_is_approved();

-- Cash that ought to be in a drawer: while it is open, or as it was counted, less what was brought to the bank since.
CREATE FUNCTION counter_cash_in(drawer bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN d.closed_at IS NULL
        THEN d.float_minor + coalesce((SELECT sum(amount_minor) FROM counter_receipt
            WHERE drawer_id = d.id AND instrument = 'cash' AND state = 'taken'), 0)
        ELSE d.counted_minor END
        - coalesce((SELECT sum(amount_minor) FROM counter_deposit_cash
            WHERE drawer_id = d.id AND from_open = (d.closed_at IS NULL)), 0)
    FROM counter_drawer d WHERE d.id = drawer
$$;

-- A drawer is closed once, with the difference that its count makes.
CREATE FUNCTION counter_drawer_is_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.closed_at IS NOT NULL OR NEW.closed_at IS NULL
        OR NEW.counted_minor - counter_cash_in(OLD.id) IS DISTINCT FROM NEW.difference_minor
    THEN
        RAISE EXCEPTION 'drawer % is closed once, with the difference of its count', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counter_drawer_is_counted BEFORE UPDATE ON counter_drawer
    FOR EACH ROW EXECUTE FUNCTION counter_drawer_is_counted();

CREATE FUNCTION counter_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never deleted', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER counter_drawers_stay BEFORE DELETE OR TRUNCATE ON counter_drawer
    FOR EACH STATEMENT EXECUTE FUNCTION counter_only_added();
CREATE TRIGGER counter_receipts_stay BEFORE DELETE OR TRUNCATE ON counter_receipt
    FOR EACH STATEMENT EXECUTE FUNCTION counter_only_added();

-- A receipt has the next number of its series. One of a drawer is taken by its cashier while it is open, within its
-- ceiling. The row of the drawer is locked, so that two receipts at once do not both find room below the ceiling.
CREATE FUNCTION counter_receipt_is_covered() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    drawer counter_drawer;
    taken bigint;
BEGIN
    IF NEW.number <> 1 + coalesce((SELECT max(number) FROM counter_receipt WHERE series = NEW.series), 0) THEN
        RAISE EXCEPTION 'receipt % of series % leaves a gap', NEW.number, NEW.series
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.state <> 'taken' OR NEW.deposit_id IS NOT NULL THEN
        RAISE EXCEPTION 'receipt % does not begin as taken', NEW.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.drawer_id IS NULL THEN
        RETURN NEW;
    END IF;
    SELECT * INTO drawer FROM counter_drawer WHERE id = NEW.drawer_id FOR UPDATE;
    IF drawer.approval_id IS NULL OR drawer.closed_at IS NOT NULL
        OR NEW.received_at < drawer.opened_at OR NEW.received_at >= drawer.expires_at
    THEN
        RAISE EXCEPTION 'drawer % is not open', NEW.drawer_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.actor !~ ('^user ' || drawer.cashier_id || '( token [0-9]+)?$') THEN
        RAISE EXCEPTION 'drawer % is another cashier''s', NEW.drawer_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM FROM books_account a WHERE a.id = NEW.account_id AND a.kind = 'consumer' AND a.currency = drawer.currency;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % is no consumer''s in %', NEW.account_id, drawer.currency
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT coalesce(sum(amount_minor), 0) INTO taken FROM counter_receipt WHERE drawer_id = NEW.drawer_id;
    IF taken + NEW.amount_minor > drawer.ceiling_minor THEN
        RAISE EXCEPTION 'the receipts of drawer % would come to %, its ceiling is %',
            NEW.drawer_id, taken + NEW.amount_minor, drawer.ceiling_minor
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counter_receipt_is_covered BEFORE INSERT ON counter_receipt
    FOR EACH ROW EXECUTE FUNCTION counter_receipt_is_covered();

-- States only go forward, and cash is cancelled while its drawer is open.
CREATE FUNCTION counter_receipt_goes_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.series, NEW.number, NEW.account_id, NEW.drawer_id, NEW.instrument, NEW.amount_minor, NEW.received_at)
        IS DISTINCT FROM
        (OLD.id, OLD.series, OLD.number, OLD.account_id, OLD.drawer_id, OLD.instrument, OLD.amount_minor, OLD.received_at)
        OR (OLD.deposit_id IS NOT NULL AND NEW.deposit_id IS DISTINCT FROM OLD.deposit_id)
        OR (NEW.deposit_id IS DISTINCT FROM OLD.deposit_id AND (NEW.instrument <> 'cheque' OR OLD.state <> 'taken'))
        OR (NEW.state <> OLD.state AND (NEW.instrument, OLD.state, NEW.state) NOT IN (
            ('cash', 'taken', 'cancelled'), ('cheque', 'taken', 'cancelled'), ('cheque', 'taken', 'cleared'),
            ('cheque', 'taken', 'returned'), ('cheque', 'cleared', 'returned')))
        OR (NEW.state = 'cancelled' AND (OLD.deposit_id IS NOT NULL OR EXISTS (
            SELECT FROM counter_drawer d WHERE d.id = NEW.drawer_id AND d.closed_at IS NOT NULL)))
    THEN
        RAISE EXCEPTION 'receipt % (%) is %: it does not become %', OLD.id, OLD.instrument, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counter_receipt_goes_forward BEFORE UPDATE ON counter_receipt
    FOR EACH ROW EXECUTE FUNCTION counter_receipt_goes_forward();

-- No more cash is brought to the bank than a drawer has.
CREATE FUNCTION counter_deposit_is_covered() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE closed boolean;
BEGIN
    SELECT closed_at IS NOT NULL INTO closed FROM counter_drawer WHERE id = NEW.drawer_id FOR UPDATE;
    IF NEW.from_open = closed OR NEW.amount_minor > counter_cash_in(NEW.drawer_id) THEN
        RAISE EXCEPTION 'drawer % has no % to deposit', NEW.drawer_id, NEW.amount_minor
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counter_deposit_is_covered BEFORE INSERT ON counter_deposit_cash
    FOR EACH ROW EXECUTE FUNCTION counter_deposit_is_covered();

-- A credit of the counter has its receipt, of its account and its amount, in a state in which it is credited. Its key
-- is the receipt's, and keys are unique: a receipt is credited once.
CREATE FUNCTION counter_credit_has_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM counter_receipt r
        WHERE 'counter:' || r.id = NEW.idempotency_key AND r.account_id = NEW.account_id
            AND r.amount_minor = NEW.amount_minor AND NEW.kind = 'recharge' AND r.drawer_id IS NOT NULL
            AND (r.instrument, r.state) IN (('cash', 'taken'), ('cheque', 'cleared'));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'credit % of % has no receipt of this account and amount', NEW.idempotency_key, NEW.amount_minor
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER counter_credit_has_receipt BEFORE INSERT ON books_credit_request
    FOR EACH ROW WHEN (NEW.idempotency_key ^@ 'counter:') EXECUTE FUNCTION counter_credit_has_receipt();
