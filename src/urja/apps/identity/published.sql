-- What other apps may read of access.
CREATE VIEW identity.account_access WITH (security_invoker) AS
SELECT id, account_id, person_id, role, recorded_at FROM identity_account_access;

-- Changes of the addresses that people sign in with, without the words that confirm them.
CREATE VIEW identity.address_change WITH (security_invoker) AS
SELECT id, person_id, old_email, new_email, state, asked_at, approval_counts_from, approved_at, ended_at
FROM identity_address_change;
