-- What other apps may read of access.
CREATE VIEW identity.account_access WITH (security_invoker) AS
SELECT id, account_id, person_id, role FROM registry_account_access;
