-- What other apps may read of statements of account.
CREATE VIEW statements.statement WITH (security_invoker) AS
SELECT bucket, number, account_id, content, previous_sha256, sha256, made_at FROM statements_statement;
