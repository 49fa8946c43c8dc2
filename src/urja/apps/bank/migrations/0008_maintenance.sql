-- A credit by a statement is a payment for electricity or for maintenance.
CREATE OR REPLACE FUNCTION bank_credit_has_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind NOT IN ('recharge', 'maintenance') OR NOT EXISTS (SELECT FROM bank_match WHERE credit_id = NEW.id) THEN
        RAISE EXCEPTION 'credit % of % stands on no statement', NEW.idempotency_key, NEW.amount_minor
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
