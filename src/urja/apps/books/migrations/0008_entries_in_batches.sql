-- Entries are checked by the statement that inserts them, and not each for itself at commit: balances are moved before. Tables
-- are named with their schema, as a role may have temporary tables of the same names.
DROP TRIGGER books_entry_chain ON books_entry;
DROP FUNCTION books_check_chain();
DROP TRIGGER books_entry_balances ON books_entry;
DROP FUNCTION books_check_entry();

-- Each entry follows the one before it, by its number, its hash and its balance. It has moved the balances of both its accounts,
-- which are of one currency. Entries of maintenance have contra accounts of their own: what leaves a maintenance account reaches
-- no account for electricity, nor the reverse.
CREATE FUNCTION books_check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken record;
BEGIN
    SELECT added.account_id, added.seq INTO broken
    FROM added LEFT JOIN public.books_entry before
        ON before.bucket = added.bucket AND before.account_id = added.account_id AND before.seq = added.seq - 1
    WHERE added.seq < 1
        OR (added.seq > 1 AND before.seq IS NULL)
        OR added.previous_hash <> coalesce(before.hash, decode(repeat('00', 32), 'hex'))
        OR added.balance_after_minor <> coalesce(before.balance_after_minor, 0) + added.amount_minor
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % of account % does not follow the one before it', broken.seq, broken.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    SELECT added.seq, added.account_id, added.contra_id, a.id AS moved, a.currency, c.id AS contra_moved, c.code,
        c.currency AS contra_currency INTO broken
    FROM added
    LEFT JOIN public.books_account a
        ON a.id = added.account_id AND a.bucket = added.bucket AND a.kind <> 'contra' AND a.last_seq >= added.seq
    LEFT JOIN public.books_account c
        ON c.id = added.contra_id AND c.bucket = added.bucket AND c.kind = 'contra' AND c.last_batch >= added.batch
    WHERE a.id IS NULL OR c.id IS NULL OR a.currency <> c.currency
        OR (a.kind = 'maintenance') <> (c.code IN ('clearing:maintenance', 'clearing:maintenance-due'))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % of account % %', broken.seq, broken.account_id, CASE
            WHEN broken.moved IS NULL THEN 'was posted without the balance of the account'
            WHEN broken.contra_moved IS NULL
                THEN format('was posted without the balance of its contra account %s', broken.contra_id)
            WHEN broken.currency <> broken.contra_currency
                THEN format('in %s has a contra account in %s', broken.currency, broken.contra_currency)
            ELSE format('would move money between maintenance and electricity (%s)', broken.code)
        END USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER books_entry_chain AFTER INSERT ON books_entry REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION books_check_entries();

-- And each balance is what its entries come to, at the end of a transaction.
CREATE OR REPLACE FUNCTION books_check_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE moved bigint;
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
        IF NOT EXISTS (
            SELECT FROM (
                SELECT seq, balance_after_minor, hash FROM public.books_entry
                WHERE bucket = NEW.bucket AND account_id = NEW.id ORDER BY seq DESC LIMIT 1
            ) latest
            WHERE seq = NEW.last_seq AND balance_after_minor = NEW.balance_minor AND hash = NEW.last_hash
        -- A later change of the same transaction has a check of its own; this one may look at an older state.
        ) AND EXISTS (
            SELECT FROM public.books_account
            WHERE id = NEW.id AND last_seq = NEW.last_seq AND balance_minor = NEW.balance_minor
        ) THEN
            RAISE EXCEPTION 'the balance of account % is not what its entries come to', NEW.id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSE
        SELECT coalesce(sum(amount_minor), 0) INTO moved FROM public.books_entry
            WHERE bucket = NEW.bucket AND batch = NEW.last_batch AND contra_id = NEW.id;
        IF NEW.last_batch <= OLD.last_batch OR NEW.balance_minor - OLD.balance_minor <> -moved THEN
            RAISE EXCEPTION 'contra account % moved by %, its entries of batch % by %',
                NEW.id, NEW.balance_minor - OLD.balance_minor, NEW.last_batch, -moved
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NULL;
END $$;
