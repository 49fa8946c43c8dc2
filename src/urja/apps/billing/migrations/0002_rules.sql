-- How far each agreement is closed, and what each of its periods was last rated from. Both are heads that move on, not
-- books: entries say what was posted and why.
CREATE TABLE billing_close (
    agreement_id bigint PRIMARY KEY,
    closed_through date NOT NULL,
    closed_at timestamptz NOT NULL,
    provisional boolean NOT NULL,
    -- The end that an ended agreement was closed by. One that has ended and has none is looked at by the next run.
    ended_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX billing_close_ended ON billing_close (agreement_id) WHERE ended_at IS NOT NULL;

-- The energy and the versions that the postings of a period stand on: where they differ from what readings, terms and
-- tariffs say now, a correction is due.
CREATE TABLE billing_rated (
    agreement_id bigint NOT NULL,
    period_start date NOT NULL,
    billed_first date NOT NULL,
    billed_end date NOT NULL,
    through date NOT NULL,
    energy_wh bigint NOT NULL,
    uses jsonb NOT NULL,
    versions text NOT NULL,
    PRIMARY KEY (agreement_id, period_start)
) WITH (fillfactor = 70);


-- What is changed is remembered.
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON billing_deposit
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON billing_arrear
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON billing_instalment_plan
    FOR EACH ROW EXECUTE FUNCTION journal_remember();


-- A share of recharges pays arrears: what is still owed of each bill.
CREATE VIEW billing_arrear_left AS
SELECT r.id, r.account_id, r.bill, r.due_on,
    r.principal_minor - coalesce(p.principal_minor, 0) AS principal_minor,
    r.surcharge_minor - coalesce(p.surcharge_minor, 0) AS surcharge_minor
FROM billing_arrear r LEFT JOIN LATERAL (
    SELECT sum(principal_minor)::bigint AS principal_minor, sum(surcharge_minor)::bigint AS surcharge_minor
    FROM billing_arrear_payment WHERE arrear_id = r.id
) p ON true;

-- What was paid, and which instalment was due, is only ever added to.
CREATE FUNCTION billing_arrears_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was paid of arrears is never changed or deleted: a reversal is another row'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER billing_arrear_payment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_arrear_payment
    FOR EACH STATEMENT EXECUTE FUNCTION billing_arrears_only_added();
CREATE TRIGGER billing_instalment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_instalment
    FOR EACH STATEMENT EXECUTE FUNCTION billing_arrears_only_added();

-- No bill is paid more than is owed of it.
CREATE FUNCTION billing_check_arrear() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    arrear bigint;
    broken record;
BEGIN
    IF TG_TABLE_NAME = 'billing_arrear' THEN arrear := NEW.id; ELSE arrear := NEW.arrear_id; END IF;
    SELECT l.bill INTO broken FROM billing_arrear_left l JOIN billing_arrear r ON r.id = l.id
        WHERE l.id = arrear AND (least(l.principal_minor, l.surcharge_minor) < 0
            OR l.principal_minor > r.principal_minor OR l.surcharge_minor > r.surcharge_minor);
    IF FOUND THEN
        RAISE EXCEPTION 'bill % is paid more than is owed of it, or less than nothing', broken.bill
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_arrear_in_bounds AFTER INSERT ON billing_arrear_payment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_arrear();
CREATE CONSTRAINT TRIGGER billing_arrear_in_bounds AFTER UPDATE ON billing_arrear
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_arrear();

-- An entry that pays arrears is what it pays of the bills.
CREATE FUNCTION billing_check_arrears_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.amount_minor <> -coalesce((SELECT sum(surcharge_minor + principal_minor) FROM billing_arrear_payment
            WHERE account_id = NEW.account_id AND seq = NEW.seq), 0) THEN
        RAISE EXCEPTION 'entry % of account % is not what it pays of the bills', NEW.seq, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER billing_entry_arrears AFTER INSERT ON books_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.line = 'arrears')
    EXECUTE FUNCTION billing_check_arrears_entry();
