-- What other apps may read of commands.
CREATE VIEW commands.command WITH (security_invoker) AS
SELECT id, device_id, service_point_id, account_id, kind, arguments, reason, cause_correlation, sequence, state, detail,
    evidence, issued_at, issued_wall_ms, expires_at, awake_at, sent_at, sent_wall_ms, acknowledged_at, acknowledged_wall_ms, ended_at,
    ended_wall_ms, attempts, again_at, last_error
FROM commands_command;
