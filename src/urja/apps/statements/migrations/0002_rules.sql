-- Frozen: a later statement names the one that it revises.
CREATE FUNCTION statements_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'statements of account are never changed or deleted: a later one revises them'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER statements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON statements_statement
    FOR EACH STATEMENT EXECUTE FUNCTION statements_refuse_change();

-- The next number of its series, under a hash over the one before.
CREATE FUNCTION statements_check_series() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last public.statements_statement;
BEGIN
    SELECT * INTO last FROM public.statements_statement WHERE bucket = NEW.bucket ORDER BY number DESC LIMIT 1;
    IF NEW.number <> 1 + coalesce(last.number, 0) THEN
        RAISE EXCEPTION 'statement %-% leaves a gap in its series', NEW.bucket, NEW.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.previous_sha256 <> coalesce(last.sha256, decode(repeat('00', 32), 'hex'))
        OR NEW.sha256 <> sha256(NEW.previous_sha256 || convert_to(NEW.content, 'UTF8')) THEN
        RAISE EXCEPTION 'statement %-% does not have the hash of its content after the one before it',
            NEW.bucket, NEW.number USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER statements_check_series BEFORE INSERT ON statements_statement
    FOR EACH ROW EXECUTE FUNCTION statements_check_series();

-- Its amounts are the ledger's. An entry belongs to the time with its service day; one that was posted to an earlier day
-- after that day was stated belongs to the next statement.
CREATE FUNCTION statements_check_amounts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    revised public.statements_statement;
    last public.statements_statement;
    opening bigint;
    closing bigint;
    charged bigint;
    stated jsonb := NEW.content::jsonb;
BEGIN
    PERFORM FROM public.contracts_agreement g JOIN public.books_account a ON a.id = g.account_id
        WHERE g.id = NEW.agreement_id AND a.id = NEW.account_id AND a.bucket = NEW.bucket
            AND a.last_seq = NEW.through_seq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'statement %-% does not reach the last entry of its agreement''s account', NEW.bucket, NEW.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- Not asked of a revision: an end that became known late has taken the close back behind days that are stated.
    IF NEW.revises_id IS NULL AND NOT EXISTS (SELECT FROM public.billing_close c
            WHERE c.agreement_id = NEW.agreement_id AND c.closed_through >= NEW.period_end - 1) THEN
        RAISE EXCEPTION 'statement %-% is of a period that is not closed', NEW.bucket, NEW.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT coalesce(-sum(amount_minor), 0) INTO charged FROM public.books_entry
        WHERE agreement_id = NEW.agreement_id AND period_start = NEW.period_start AND origin = 'engine'
            AND bucket = NEW.bucket AND account_id = NEW.account_id AND seq <= NEW.through_seq;
    IF NEW.revises_id IS NOT NULL THEN
        SELECT * INTO revised FROM public.statements_statement WHERE id = NEW.revises_id
            AND agreement_id = NEW.agreement_id AND period_start = NEW.period_start AND period_end = NEW.period_end;
        IF NOT FOUND OR NOT EXISTS (SELECT FROM public.books_entry WHERE agreement_id = NEW.agreement_id
                AND period_start = NEW.period_start AND origin = 'engine' AND seq > revised.through_seq) THEN
            RAISE EXCEPTION 'statement %-% revises one of another period, or one that nothing was posted after',
                NEW.bucket, NEW.number USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        opening := revised.opening_minor;
        closing := revised.closing_minor;
    ELSE
        SELECT * INTO last FROM public.statements_statement WHERE account_id = NEW.account_id AND revises_id IS NULL
            ORDER BY period_end DESC LIMIT 1;
        IF last.period_end > NEW.period_start THEN
            RAISE EXCEPTION 'statement %-% is of days that an earlier one states', NEW.bucket, NEW.number
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        SELECT sum(amount_minor) FILTER (WHERE coalesce(service_date, accounting_month) < NEW.period_start),
                coalesce(sum(amount_minor) FILTER (WHERE coalesce(service_date, accounting_month) < NEW.period_end), 0)
            INTO opening, closing
            FROM public.books_entry WHERE bucket = NEW.bucket AND account_id = NEW.account_id AND seq <= NEW.through_seq;
        opening := coalesce(last.closing_minor, opening, 0);
    END IF;
    IF (NEW.opening_minor, NEW.closing_minor, NEW.total_minor) <> (opening, closing, charged)
        OR (stated->>'opening_minor', stated->>'closing_minor', stated->>'total_minor')
            IS DISTINCT FROM (opening::text, closing::text, charged::text)
        OR (stated->>'number', stated->>'agreement_id', stated->>'account_id', stated->>'period_from', stated->>'period_to')
            IS DISTINCT FROM (NEW.bucket || '-' || NEW.number, NEW.agreement_id::text, NEW.account_id::text,
                NEW.period_start::text, NEW.period_end::text)
        OR stated->'revises'->>'number' IS DISTINCT FROM revised.bucket || '-' || revised.number THEN
        RAISE EXCEPTION 'statement %-% states %, % and %; the ledger has %, % and %', NEW.bucket, NEW.number,
            NEW.opening_minor, NEW.closing_minor, NEW.total_minor, opening, closing, charged
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER statements_check_the_amounts BEFORE INSERT ON statements_statement
    FOR EACH ROW EXECUTE FUNCTION statements_check_amounts();
