-- Views of tariffs and of policy assignments for other apps.
CREATE VIEW rulebook.tariff_version WITH (security_invoker) AS
SELECT id, code, version, valid_from, commodity, text, sha256, loaded_at FROM rulebook_tariff_version;

CREATE VIEW rulebook.policy_assignment WITH (security_invoker) AS
SELECT category, code FROM rulebook_policy_assignment;

-- One row: which policies are stored and which applies to what, by which parsed ones are found.
CREATE VIEW rulebook.policies WITH (security_invoker) AS
SELECT (SELECT string_agg(sha256, ' ' ORDER BY valid_from, id) FROM rulebook_policy_version) AS sha256s,
    (SELECT jsonb_object_agg(category, code) FROM rulebook_policy_assignment) AS assigned;
