"""Rights of each PostgreSQL role on this app's tables: the web reads work orders and stores photographs."""

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        "GRANT SELECT ON work_order TO urja_web",
        "GRANT SELECT, INSERT ON work_photo TO urja_web",
        "GRANT USAGE ON SEQUENCE work_number TO urja_web",
    ],
    "urja_pipeline": [
        "GRANT SELECT, INSERT, DELETE ON work_order TO urja_pipeline",
        "GRANT UPDATE (state, assignee_id, due_at, closed_at, result) ON work_order TO urja_pipeline",
        "GRANT SELECT (id, work_order_id, kind, sha256, recorded_at, actor) ON work_photo TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE work_number TO urja_pipeline",
    ],
}
