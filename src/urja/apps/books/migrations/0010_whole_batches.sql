-- A statement inserts all entries of its bucket's newest batch. Under an older number they would be in no leaf of the signed log,
-- and a contra account would have moved without them, or not at all.
CREATE OR REPLACE FUNCTION books_check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
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
        ON c.id = added.contra_id AND c.bucket = added.bucket AND c.kind = 'contra' AND c.last_batch = added.batch
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

    SELECT posted.bucket, posted.batch INTO broken
    FROM (SELECT bucket, batch, count(*) AS entries FROM added GROUP BY 1, 2) posted
    LEFT JOIN public.books_bucket b ON b.bucket = posted.bucket AND b.last_batch = posted.batch
    WHERE b.bucket IS NULL OR posted.entries <> (
        SELECT count(*) FROM public.books_entry e WHERE e.bucket = posted.bucket AND e.batch = posted.batch)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'batch % is not the newest one of bucket %, or has entries already', broken.batch, broken.bucket
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

-- A contra account moves with a batch that has entries of it, and begins with none.
CREATE OR REPLACE FUNCTION books_check_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE moved bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.balance_minor <> 0 OR NEW.last_seq <> 0 OR NEW.last_batch <> 0 THEN
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
        SELECT sum(amount_minor) INTO moved FROM public.books_entry
            WHERE bucket = NEW.bucket AND batch = NEW.last_batch AND contra_id = NEW.id;
        IF NEW.last_batch <= OLD.last_batch OR moved IS NULL OR NEW.balance_minor - OLD.balance_minor <> -moved THEN
            RAISE EXCEPTION 'contra account % moved by %, its entries of batch % by %',
                NEW.id, NEW.balance_minor - OLD.balance_minor, NEW.last_batch, -coalesce(moved, 0)
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION books_refuse_old_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'batches of bucket % are numbered upwards: % is not after %', OLD.bucket, NEW.last_batch, OLD.last_batch
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER books_bucket_upwards BEFORE UPDATE ON books_bucket FOR EACH ROW
    WHEN (NEW.bucket <> OLD.bucket OR NEW.last_batch < OLD.last_batch) EXECUTE FUNCTION books_refuse_old_batch();
