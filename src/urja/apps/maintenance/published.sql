-- What other apps may read of maintenance accounts and dues.
CREATE VIEW maintenance.account WITH (security_invoker) AS
SELECT account_id, electricity_id FROM maintenance_account;

CREATE VIEW maintenance.due WITH (security_invoker) AS
SELECT id, account_id, premise_id, service_point_id, month, name, amount_minor, recorded_at FROM maintenance_due;
