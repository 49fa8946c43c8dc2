"""Rights of each PostgreSQL role on the tables of the journal.

The web records requests and the pipeline carries them out. A trigger writes each row as it was before a change, and
no role may delete it.
"""

_SHOWN = "journal_external, journal_failure, journal_operation, journal_request, journal_revision"
_ASKED = "id, kind, content, dry_run, actor, requested_at, idempotency_key"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_SHOWN} TO urja_web",
        # By column: the web records what is requested, and cannot write the outcome.
        f"GRANT INSERT ({_ASKED}) ON journal_request TO urja_web",
        "GRANT USAGE ON SEQUENCE journal_number TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT ON {_SHOWN}, journal_history TO urja_pipeline",
        "GRANT INSERT, UPDATE, DELETE ON journal_external TO urja_pipeline",
        "GRANT INSERT ON journal_operation, journal_history TO urja_pipeline",
        "GRANT UPDATE ON journal_operation, journal_request, journal_revision TO urja_pipeline",
        "GRANT INSERT, UPDATE, DELETE ON journal_failure TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE journal_number, journal_history_id_seq, journal_failure_id_seq TO urja_pipeline",
        "GRANT EXECUTE ON FUNCTION journal_without, journal_plain TO urja_pipeline",
    ],
}
