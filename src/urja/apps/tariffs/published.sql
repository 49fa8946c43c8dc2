-- What other apps may read of tariffs.
CREATE VIEW tariffs.version WITH (security_invoker) AS
SELECT id, code, version, valid_from, text, sha256, loaded_at FROM tariffs_version;
