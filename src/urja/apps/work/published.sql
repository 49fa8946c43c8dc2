-- Views of work orders for other apps.
CREATE VIEW work.order WITH (security_invoker) AS
SELECT id, kind, service_point_id, device_id, assignee_id, state, asked, result, opened_at, due_at, closed_at, operation_id
FROM work_order;
