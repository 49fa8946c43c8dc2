-- A request for a contra account cannot be posted, and it would stop every request after it. The account is named with
-- its schema: a role may have a temporary table of the same name. An account that does not exist is left to the foreign
-- key.
CREATE FUNCTION books_check_consumer_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM public.books_account WHERE id = NEW.account_id AND kind <> 'consumer') THEN
        RAISE EXCEPTION 'account % is no consumer''s account', NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER books_credit_to_consumer BEFORE INSERT OR UPDATE OF account_id ON books_credit_request
    FOR EACH ROW EXECUTE FUNCTION books_check_consumer_account();
CREATE TRIGGER books_debit_from_consumer BEFORE INSERT OR UPDATE OF account_id ON books_debit_request
    FOR EACH ROW EXECUTE FUNCTION books_check_consumer_account();
