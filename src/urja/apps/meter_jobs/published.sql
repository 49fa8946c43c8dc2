-- What other apps may read of jobs on meters.
CREATE VIEW meter_jobs.job WITH (security_invoker) AS
SELECT id, kind, arguments, reason, actor, meters, asked_at, expires_at, ended_at, cancelled_at, cancelled_by
FROM meter_jobs_job;

CREATE VIEW meter_jobs.task WITH (security_invoker) AS
SELECT id, job_id, position, named, device_id, service_point_id, command_id, state, detail, progress, result, sent_at,
    ended_at
FROM meter_jobs_task;
