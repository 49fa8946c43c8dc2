-- From which day on a period that ends has a statement: the law asks for those that end after it. Periods that were closed
-- before there were statements have none; in an installation that begins with them every period has one.
CREATE TABLE statements_began (day date NOT NULL);
INSERT INTO statements_began SELECT coalesce(
    (SELECT (min(made_at) AT TIME ZONE 'UTC')::date + 1 FROM statements_statement),
    (SELECT max(closed_through) + 1 FROM billing_close),
    '-infinity');

CREATE FUNCTION statements_refuse_other_beginning() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the day on which statements began is never changed'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER statements_began_once BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON statements_began
    FOR EACH STATEMENT EXECUTE FUNCTION statements_refuse_other_beginning();
