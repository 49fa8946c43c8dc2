-- Views of the supply for other apps: states, decisions, switching.
CREATE VIEW supply.state WITH (security_invoker) AS
SELECT account_id, agreement_id, service_point_id, standing, supply, since_at, decided_at, policy, reason, balance_minor,
    limit_minor, as_of_at, below_cut_since, planned_from_at, planned_to_at, paid_due_minor, paid_first_at
FROM supply_state;

CREATE VIEW supply.decision WITH (security_invoker) AS
SELECT id, account_id, decided_at, standing, balance_minor, policy, reason FROM supply_decision;

CREATE VIEW supply.switching WITH (security_invoker) AS
SELECT command_id, account_id, service_point_id, kind, cause, transformer, balance_minor, limit_minor, ledger_seq, policy,
    reason, evidence, ordered_at, ordered_wall_ms, window_from_at, window_to_at
FROM supply_switching;

CREATE VIEW supply.reconnection WITH (security_invoker) AS
SELECT credit_id, account_id, command_id, outcome, paid_at, paid_wall_ms, seen_at, seen_wall_ms, credited_at,
    credited_wall_ms, ordered_at, ordered_wall_ms, closed_at
FROM supply_reconnection;

-- Accounts to decide anew because something has changed since the last decision.
CREATE VIEW supply.changed WITH (security_invoker) AS
SELECT id, account_id FROM supply_changed;
