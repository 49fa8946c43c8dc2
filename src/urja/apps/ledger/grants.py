"""Rights of each PostgreSQL role on the ledger: the web reads it, the pipeline alone requests and posts."""

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        "GRANT SELECT ON ledger_account, ledger_entry, ledger_close, ledger_rated, ledger_debit_request TO urja_web",
        "GRANT SELECT ON ledger_final_settlement, ledger_arrear_payment, ledger_arrear_left TO urja_web",
        "GRANT SELECT ON ledger_instalment TO urja_web",
        "GRANT SELECT ON ledger_credit_request TO urja_web",
    ],
    "urja_pipeline": [
        "GRANT SELECT, INSERT ON ledger_account, ledger_entry TO urja_pipeline",
        "GRANT UPDATE (balance_minor, last_seq, last_hash, last_batch) ON ledger_account TO urja_pipeline",
        "GRANT SELECT, INSERT, UPDATE ON ledger_bucket, ledger_close, ledger_rated TO urja_pipeline",
        "GRANT SELECT ON ledger_credit_request TO urja_pipeline",
        "GRANT UPDATE (posted_at, posted_seq, arrears_minor) ON ledger_credit_request TO urja_pipeline",
        "GRANT INSERT ON ledger_credit_request TO urja_pipeline",
        "GRANT SELECT, INSERT ON ledger_debit_request TO urja_pipeline",
        "GRANT UPDATE (posted_at, posted_seq) ON ledger_debit_request TO urja_pipeline",
        "GRANT SELECT, INSERT ON ledger_arrear_payment, ledger_instalment TO urja_pipeline",
        "GRANT SELECT ON ledger_arrear_left TO urja_pipeline",
        "GRANT SELECT, INSERT, DELETE ON ledger_final_settlement TO urja_pipeline",
        "GRANT UPDATE (settled_at, amount_minor) ON ledger_final_settlement TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE ledger_number TO urja_pipeline",
    ],
}
