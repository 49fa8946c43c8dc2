-- What other apps may read of notices.
CREATE VIEW notices.notice WITH (security_invoker) AS
SELECT id, account_id, kind, channel, language, recipient, text, params, dedupe_key, state, failure, detail, requested_at,
    due_at, sent_at, delivered_at, ended_at
FROM notices_notice;
