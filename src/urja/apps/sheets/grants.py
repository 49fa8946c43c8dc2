"""Rights on this app's tables: the web adds uploads and requests, the pipeline answers and deletes them."""

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        "GRANT SELECT ON sheets_upload, sheets_request TO urja_web",
        "GRANT INSERT ON sheets_upload TO urja_web",
        # By column: the web records what is asked, and cannot write the answer.
        "GRANT INSERT (id, upload_id, task, map, good_rows, language, actor, requested_at) ON sheets_request TO urja_web",
        "GRANT USAGE ON SEQUENCE sheets_number TO urja_web",
    ],
    "urja_pipeline": [
        "GRANT SELECT, DELETE ON sheets_upload, sheets_request TO urja_pipeline",
        "GRANT SELECT, INSERT, UPDATE ON sheets_layout TO urja_pipeline",
        "GRANT UPDATE (state, answered_at, refusal, answer, marked) ON sheets_request TO urja_pipeline",
    ],
}
