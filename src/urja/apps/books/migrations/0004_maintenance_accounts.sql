-- At the end of a transaction each entry has moved the balances of both its accounts, which are of one currency. Entries
-- of maintenance have contra accounts of their own: what leaves a maintenance account reaches no account for
-- electricity, nor the reverse.
CREATE OR REPLACE FUNCTION books_check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    account record;
    contra record;
BEGIN
    SELECT kind, currency INTO account FROM books_account
        WHERE id = NEW.account_id AND bucket = NEW.bucket AND kind <> 'contra' AND last_seq >= NEW.seq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % was posted without the balance of account %', NEW.seq, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT code, currency INTO contra FROM books_account
        WHERE id = NEW.contra_id AND bucket = NEW.bucket AND kind = 'contra' AND last_batch >= NEW.batch;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % of account % was posted without the balance of its contra account %',
            NEW.seq, NEW.account_id, NEW.contra_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF account.currency <> contra.currency THEN
        RAISE EXCEPTION 'entry % of account % in % has a contra account in %',
            NEW.seq, NEW.account_id, account.currency, contra.currency USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (account.kind = 'maintenance') <> (contra.code IN ('clearing:maintenance', 'clearing:maintenance-due')) THEN
        RAISE EXCEPTION 'entry % of account % would move money between maintenance and electricity (%)',
            NEW.seq, NEW.account_id, contra.code USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

-- And each balance is what its entries come to.
CREATE OR REPLACE FUNCTION books_check_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    latest record;
    moved bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.balance_minor <> 0 OR NEW.last_seq <> 0 THEN
            RAISE EXCEPTION 'account % does not begin with a balance of zero', NEW.id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSIF NEW.kind <> OLD.kind THEN
        RAISE EXCEPTION 'account % is of the kind %: it does not become one of the kind %', OLD.id, OLD.kind, NEW.kind
            USING ERRCODE = 'integrity_constraint_violation';
    ELSIF NEW.kind <> 'contra' THEN
        SELECT seq, balance_after_minor, hash INTO latest FROM books_entry
            WHERE bucket = NEW.bucket AND account_id = NEW.id ORDER BY seq DESC LIMIT 1;
        -- A later change of the same transaction has a check of its own; this one may look at an older state.
        PERFORM 1 FROM books_account WHERE id = NEW.id AND last_seq = NEW.last_seq
            AND balance_minor = NEW.balance_minor;
        IF FOUND AND (latest IS NULL OR latest.seq <> NEW.last_seq
                OR latest.balance_after_minor <> NEW.balance_minor OR latest.hash <> NEW.last_hash) THEN
            RAISE EXCEPTION 'the balance of account % is not what its entries come to', NEW.id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSE
        SELECT coalesce(sum(amount_minor), 0) INTO moved FROM books_entry
            WHERE bucket = NEW.bucket AND batch = NEW.last_batch AND contra_id = NEW.id;
        IF NEW.last_batch <= OLD.last_batch OR NEW.balance_minor - OLD.balance_minor <> -moved THEN
            RAISE EXCEPTION 'contra account % moved by %, its entries of batch % by %',
                NEW.id, NEW.balance_minor - OLD.balance_minor, NEW.last_batch, -moved
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NULL;
END $$;

-- A claim of a transfer, and a request, is for an account of either kind of consumer's, not for a contra account.
CREATE OR REPLACE FUNCTION books_check_consumer_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM public.books_account WHERE id = NEW.account_id AND kind = 'contra') THEN
        RAISE EXCEPTION 'account % is no consumer''s account', NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

-- A request that its entry's check would refuse stops all that come after it: it is refused itself.
CREATE FUNCTION books_check_request_kind() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    clearing text := coalesce(to_jsonb(NEW)->>'reverses', NEW.kind);
BEGIN
    IF EXISTS (SELECT FROM public.books_account WHERE id = NEW.account_id
            AND (kind = 'maintenance') <> (clearing IN ('maintenance', 'maintenance-due'))) THEN
        RAISE EXCEPTION 'a request of the kind % for account % would move money between maintenance and electricity',
            clearing, NEW.account_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER books_credit_of_its_account BEFORE INSERT OR UPDATE OF account_id, kind ON books_credit_request
    FOR EACH ROW EXECUTE FUNCTION books_check_request_kind();
CREATE TRIGGER books_debit_of_its_account BEFORE INSERT OR UPDATE OF account_id, reverses ON books_debit_request
    FOR EACH ROW EXECUTE FUNCTION books_check_request_kind();
