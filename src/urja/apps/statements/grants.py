"""Rights on this app's tables: the web reads statements, the pipeline makes them, and no role changes one."""

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        "GRANT SELECT ON statements_statement TO urja_web",
        "GRANT SELECT (agreement_id, period_start, recorded_at, problem) ON statements_due TO urja_web",
    ],
    "urja_pipeline": [
        "GRANT SELECT, INSERT ON statements_statement TO urja_pipeline",
        "GRANT SELECT, INSERT, DELETE ON statements_due TO urja_pipeline",
        "GRANT UPDATE (closed, due_at, problem) ON statements_due TO urja_pipeline",
        "GRANT SELECT ON statements_began TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE statements_due_id_seq TO urja_pipeline",
    ],
}
