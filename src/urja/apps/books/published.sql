-- What other apps may read of accounts, entries and requests.
CREATE VIEW books.account WITH (security_invoker) AS
SELECT id, bucket, kind, code, currency, balance_minor, last_seq, last_hash, opened_at FROM books_account;

CREATE VIEW books.entry WITH (security_invoker) AS
SELECT account_id, seq, bucket, contra_id, amount_minor, balance_after_minor, origin, line, agreement_id, period_start,
    service_date, posted_at, accounting_month, batch, inputs, idempotency_key, input_hash, previous_hash, hash
FROM books_entry;

CREATE VIEW books.credit_request WITH (security_invoker) AS
SELECT id, account_id, amount_minor, arrears_minor, kind, reference, idempotency_key, correlation, requested_at,
    posted_at, posted_seq
FROM books_credit_request;

CREATE VIEW books.debit_request WITH (security_invoker) AS
SELECT id, account_id, amount_minor, kind, reverses, credit_id, reference, correlation, requested_at, posted_at, posted_seq
FROM books_debit_request;

CREATE VIEW books.bucket WITH (security_invoker) AS
SELECT bucket, last_batch, looked_through FROM books_bucket;
