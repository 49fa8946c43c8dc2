-- A maintenance account stands beside a consumer's account for electricity, in its bucket and currency, for good.
CREATE FUNCTION maintenance_check_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' OR NOT EXISTS (SELECT FROM books_account m JOIN books_account e USING (bucket, currency)
            WHERE m.id = NEW.account_id AND m.kind = 'maintenance'
                AND e.id = NEW.electricity_id AND e.kind = 'consumer') THEN
        RAISE EXCEPTION 'a maintenance account stands beside one account for electricity, and stays there'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER maintenance_check_account BEFORE INSERT OR UPDATE OR DELETE ON maintenance_account
    FOR EACH ROW EXECUTE FUNCTION maintenance_check_account();

-- A due is not changed: what was wrong is undone and posted again. The journal remembers what an undo removes.
CREATE FUNCTION maintenance_due_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a maintenance due is never changed: undo it and post another'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER maintenance_due_stays BEFORE UPDATE OR TRUNCATE ON maintenance_due
    FOR EACH STATEMENT EXECUTE FUNCTION maintenance_due_stays();
CREATE TRIGGER journal_remember AFTER UPDATE OR DELETE ON maintenance_due
    FOR EACH ROW EXECUTE FUNCTION journal_remember();
