"""Rights of each PostgreSQL role on the tables of meter jobs: the web reads jobs and cannot make one."""

_MOVES = "command_id, detail, ended_at, progress, result, sent_at, state"

GRANTS: dict[str, list[str]] = {
    "urja_web": ["GRANT SELECT ON meter_jobs_job, meter_jobs_task TO urja_web"],
    "urja_pipeline": [
        "GRANT SELECT, INSERT, DELETE ON meter_jobs_job, meter_jobs_task TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE meter_jobs_task_id_seq TO urja_pipeline",
        "GRANT UPDATE (cancelled_at, cancelled_by, ended_at) ON meter_jobs_job TO urja_pipeline",
        f"GRANT UPDATE ({_MOVES}) ON meter_jobs_task TO urja_pipeline",
    ],
}
