"""Rights of each PostgreSQL role on the tables of notices: the web reads notices and records receipts unverified."""

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        "GRANT SELECT ON notices_message TO urja_web",
        "GRANT SELECT ON notices_notice TO urja_web",
        "GRANT INSERT (provider, digest, body, headers, received_at) ON notices_receipt TO urja_web",
    ],
    "urja_pipeline": [
        "GRANT SELECT, INSERT, UPDATE ON notices_notice TO urja_pipeline",
        # The outbox of a demonstration: the pipeline sends all mail.
        "GRANT SELECT, INSERT, DELETE ON notices_message TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE notices_message_id_seq TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE notices_notice_id_seq TO urja_pipeline",
        # DELETE for forged receipts. The others stay: they are the evidence that a notice was delivered.
        "GRANT SELECT, DELETE ON notices_receipt TO urja_pipeline",
        "GRANT UPDATE (applied_at, outcome) ON notices_receipt TO urja_pipeline",
        "GRANT EXECUTE ON FUNCTION notices_forget TO urja_pipeline",
    ],
}
