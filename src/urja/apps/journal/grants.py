"""Rights of each PostgreSQL role on this app's tables.

The web records what somebody asks for, and the pipeline does it. What was there before a change is written by a trigger
and deleted by nobody.
"""

_SHOWN = "journal_external, journal_operation, journal_request, journal_revision"
_ASKED = "id, kind, content, rehearsal, actor, requested_at, idempotency_key"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_SHOWN} TO urja_web",
        # What is asked for, and not what became of it.
        f"GRANT INSERT ({_ASKED}) ON journal_request TO urja_web",
        "GRANT USAGE ON SEQUENCE journal_number TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT ON {_SHOWN}, journal_history TO urja_pipeline",
        "GRANT INSERT, UPDATE, DELETE ON journal_external TO urja_pipeline",
        "GRANT INSERT ON journal_operation, journal_history TO urja_pipeline",
        "GRANT UPDATE ON journal_operation, journal_request, journal_revision TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE journal_number, journal_history_id_seq TO urja_pipeline",
        "GRANT EXECUTE ON FUNCTION journal_without, journal_plain TO urja_pipeline",
    ],
}
