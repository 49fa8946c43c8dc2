-- Its amounts are the ledger's. An entry belongs to the time with its service day; one that was posted to an earlier day
-- after that day was stated belongs to the next statement. A final statement charges no period: what was posted for one after
-- the end is among its corrections.
CREATE OR REPLACE FUNCTION statements_check_amounts() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF NEW.final THEN
        IF NEW.revises_id IS NOT NULL OR NOT EXISTS (SELECT FROM public.billing_final_settlement f
                WHERE f.agreement_id = NEW.agreement_id AND f.account_id = NEW.account_id AND f.settled_at IS NOT NULL) THEN
            RAISE EXCEPTION 'statement %-% is final, and its account is not settled', NEW.bucket, NEW.number
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    -- Not asked of a revision: an end that became known late has taken the close back behind days that are stated.
    ELSIF NEW.revises_id IS NULL AND NOT EXISTS (SELECT FROM public.billing_close c
            WHERE c.agreement_id = NEW.agreement_id AND c.closed_through >= NEW.period_end - 1) THEN
        RAISE EXCEPTION 'statement %-% is of a period that is not closed', NEW.bucket, NEW.number
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT coalesce(-sum(amount_minor), 0) INTO charged FROM public.books_entry
        WHERE agreement_id = NEW.agreement_id AND period_start = NEW.period_start AND origin = 'engine'
            AND bucket = NEW.bucket AND account_id = NEW.account_id AND seq <= NEW.through_seq AND NOT NEW.final;
    IF NEW.revises_id IS NOT NULL THEN
        SELECT * INTO revised FROM public.statements_statement WHERE id = NEW.revises_id
            AND agreement_id = NEW.agreement_id AND period_start = NEW.period_start AND period_end = NEW.period_end AND NOT final;
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
        IF NEW.final AND last.period_end < NEW.period_start THEN
            RAISE EXCEPTION 'statement %-% is final, and leaves days after the last one', NEW.bucket, NEW.number
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
        OR coalesce((stated->>'final')::boolean, false) <> NEW.final
        OR stated->'revises'->>'number' IS DISTINCT FROM revised.bucket || '-' || revised.number THEN
        RAISE EXCEPTION 'statement %-% states %, % and %; the ledger has %, % and %', NEW.bucket, NEW.number,
            NEW.opening_minor, NEW.closing_minor, NEW.total_minor, opening, closing, charged
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
