-- What other apps may read of operations and of what was known before them.
CREATE VIEW journal.operation WITH (security_invoker) AS
SELECT id, kind, service_point_id, content, outcome, actor, recorded_at, undone_by_id FROM journal_operation;

CREATE VIEW journal.history WITH (security_invoker) AS
SELECT id, operation_id, table_name, row_id, action, row, known_to FROM journal_history;

CREATE VIEW journal.revision WITH (security_invoker) AS
SELECT revision FROM journal_revision;

-- What an outside system calls an object here, and which attributes of it that system owns.
CREATE VIEW journal.external WITH (security_invoker) AS
SELECT id, system, kind, external_id, object_id, owned FROM journal_external;
