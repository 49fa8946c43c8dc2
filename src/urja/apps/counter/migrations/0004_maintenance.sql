-- Receipts are for either kind of consumer's account: electricity or maintenance (`books.0004_maintenance_accounts`).
CREATE OR REPLACE FUNCTION counter_receipt_is_covered() RETURNS trigger LANGUAGE plpgsql AS $$
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
    PERFORM FROM books_account a WHERE a.id = NEW.account_id AND a.kind <> 'contra' AND a.currency = drawer.currency;
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

CREATE OR REPLACE FUNCTION counter_credit_has_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM counter_receipt r
        WHERE 'counter:' || r.id = NEW.idempotency_key AND r.account_id = NEW.account_id
            AND r.amount_minor = NEW.amount_minor AND NEW.kind IN ('recharge', 'maintenance') AND r.drawer_id IS NOT NULL
            AND (r.instrument, r.state) IN (('cash', 'taken'), ('cheque', 'cleared'));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'credit % of % has no receipt of this account and amount', NEW.idempotency_key, NEW.amount_minor
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION counter_transfer_is_credited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM books_credit_request c WHERE c.idempotency_key = NEW.source AND c.account_id = NEW.account_id
        AND c.amount_minor = NEW.amount_minor AND c.kind IN ('recharge', 'maintenance');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'receipt % of % has no credit of this account and amount', NEW.id, NEW.amount_minor
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
