-- What a body has paid of its subsidy claims. An entry of the books has a consumer's account on one side, and such a payment
-- has none. A row has the number of the operation that recorded it.
CREATE TABLE billing_subsidy_payment (
    operation_id bigint PRIMARY KEY,
    body text NOT NULL CHECK (body <> ''),
    currency varchar(3) NOT NULL,
    -- Below zero it takes back what was recorded wrongly, under the same reference.
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    paid_on date NOT NULL,
    reference text NOT NULL CHECK (reference <> ''),
    recorded_at timestamptz NOT NULL,
    actor varchar(100) NOT NULL
);
CREATE INDEX billing_subsidy_payment_of ON billing_subsidy_payment (body, lower(reference));

CREATE FUNCTION billing_refuse_change_of_subsidy_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a recorded payment of a subsidy claim is never changed: the opposite amount takes it back'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER billing_subsidy_payment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_subsidy_payment
    FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse_change_of_subsidy_payment();

-- A reference stands for one payment: it is recorded once, and taken back whole before it is recorded again.
CREATE FUNCTION billing_check_subsidy_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE recorded bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.body || ' ' || lower(NEW.reference), 0));
    SELECT coalesce(sum(amount_minor), 0) INTO recorded FROM public.billing_subsidy_payment
        WHERE body = NEW.body AND lower(reference) = lower(NEW.reference) AND currency = NEW.currency;
    IF (NEW.amount_minor > 0 AND recorded <> 0) OR (NEW.amount_minor < 0 AND NEW.amount_minor <> -recorded) THEN
        RAISE EXCEPTION 'a payment of % under % has % recorded already', NEW.body, NEW.reference, recorded
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_check_the_subsidy_payment BEFORE INSERT ON billing_subsidy_payment
    FOR EACH ROW EXECUTE FUNCTION billing_check_subsidy_payment();
