-- A payout proves one refund, whichever account it is of: the same transfer would else be taken off two balances, or off one
-- twice. No unique index: earlier versions recorded refunds whose proof is a word such as "cash" for many. Two refunds at once
-- wait for each other by the lock. Final settlements are paid out without a reference.
CREATE INDEX books_refund_by_payout ON books_debit_request (upper(btrim(reference))) WHERE kind = 'refund';
CREATE FUNCTION books_payout_is_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('books_payout ' || upper(btrim(NEW.reference)), 0));
    PERFORM FROM books_debit_request WHERE kind = 'refund' AND upper(btrim(reference)) = upper(btrim(NEW.reference))
        AND idempotency_key <> NEW.idempotency_key;
    IF FOUND THEN
        RAISE EXCEPTION 'the payout % is recorded already as a refund', NEW.reference USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER books_payout_is_new BEFORE INSERT ON books_debit_request
    FOR EACH ROW WHEN (NEW.kind = 'refund' AND NEW.reference <> '') EXECUTE FUNCTION books_payout_is_new();
