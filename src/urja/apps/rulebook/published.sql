-- Views of tariffs and of policy assignments for other apps.
CREATE VIEW rulebook.tariff_version WITH (security_invoker) AS
SELECT id, code, version, valid_from, commodity, text, sha256, loaded_at FROM rulebook_tariff_version;

CREATE VIEW rulebook.policy_assignment WITH (security_invoker) AS
SELECT category, code FROM rulebook_policy_assignment;
