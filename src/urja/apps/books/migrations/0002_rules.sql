CREATE SEQUENCE books_number AS bigint;

CREATE TABLE books_bucket (
    bucket smallint PRIMARY KEY,
    last_batch bigint NOT NULL,
    -- Up to which day the agreements that have ended were looked through.
    looked_through date
);

-- One row holds both legs. Written as SQL because the key is composite (bucket, account, sequence) and because nothing
-- may go through a model that could save a row twice. There are no foreign keys to accounts: the deferred check below
-- reads both accounts of each entry anyway, and asks more than that they exist.
CREATE TABLE books_entry (
    bucket smallint NOT NULL,
    account_id bigint NOT NULL,
    seq bigint NOT NULL,
    contra_id bigint NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    balance_after_minor bigint NOT NULL,
    origin text NOT NULL CHECK (origin IN ('engine', 'credit', 'manual')),
    line text NOT NULL,
    agreement_id bigint,
    period_start date,
    service_date date,
    posted_at timestamptz NOT NULL,
    accounting_month date NOT NULL,
    batch bigint NOT NULL,
    inputs jsonb NOT NULL,
    idempotency_key text NOT NULL,
    input_hash bytea NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (bucket, account_id, seq),
    UNIQUE (bucket, idempotency_key),
    CHECK (account_id <> contra_id),
    CHECK (origin <> 'engine' OR (agreement_id IS NOT NULL AND period_start IS NOT NULL AND service_date IS NOT NULL))
);
CREATE INDEX books_entry_engine ON books_entry (agreement_id, period_start, line, seq) WHERE origin = 'engine';
CREATE INDEX books_entry_batch ON books_entry (bucket, batch);


-- Append-only.
CREATE FUNCTION books_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger entries are never changed or deleted: post a correcting entry instead'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER books_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON books_entry
    FOR EACH STATEMENT EXECUTE FUNCTION books_refuse_change();


-- The chain: each entry follows the one before it, by its number, its hash and its balance.
CREATE FUNCTION books_check_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken record;
BEGIN
    SELECT added.account_id, added.seq INTO broken
    FROM added LEFT JOIN books_entry before
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
    RETURN NULL;
END $$;
CREATE TRIGGER books_entry_chain AFTER INSERT ON books_entry REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION books_check_chain();


-- At the end of a transaction each entry has moved the balances of both its accounts, which are of one currency.
CREATE FUNCTION books_check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_account text;
    of_contra text;
BEGIN
    SELECT currency INTO of_account FROM books_account
        WHERE id = NEW.account_id AND bucket = NEW.bucket AND kind = 'consumer' AND last_seq >= NEW.seq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % was posted without the balance of account %', NEW.seq, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT currency INTO of_contra FROM books_account
        WHERE id = NEW.contra_id AND bucket = NEW.bucket AND kind = 'contra' AND last_batch >= NEW.batch;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % of account % was posted without the balance of its contra account %',
            NEW.seq, NEW.account_id, NEW.contra_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF of_account <> of_contra THEN
        RAISE EXCEPTION 'entry % of account % in % has a contra account in %',
            NEW.seq, NEW.account_id, of_account, of_contra USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER books_entry_balances AFTER INSERT ON books_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION books_check_entry();

-- And each balance is what its entries come to.
CREATE FUNCTION books_check_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    latest record;
    moved bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.balance_minor <> 0 OR NEW.last_seq <> 0 THEN
            RAISE EXCEPTION 'account % does not begin with a balance of zero', NEW.id
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSIF NEW.kind = 'consumer' THEN
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
CREATE CONSTRAINT TRIGGER books_account_balances AFTER INSERT OR UPDATE ON books_account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION books_check_account();


-- An account stays in its currency.
CREATE FUNCTION books_currency_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'account % is in %: it does not become one in %', OLD.id, OLD.currency, NEW.currency
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER books_currency_stays BEFORE UPDATE ON books_account
    FOR EACH ROW WHEN (OLD.currency <> NEW.currency) EXECUTE FUNCTION books_currency_stays();
