"""Rights of each PostgreSQL role on the ledger: the web reads it, the pipeline alone requests and posts."""

_SHOWN = "books_account, books_entry, books_credit_request, books_debit_request"

GRANTS: dict[str, list[str]] = {
    "urja_web": [f"GRANT SELECT ON {_SHOWN} TO urja_web"],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT ON {_SHOWN} TO urja_pipeline",
        "GRANT UPDATE (balance_minor, last_seq, last_hash, last_batch) ON books_account TO urja_pipeline",
        "GRANT SELECT, INSERT, UPDATE ON books_bucket TO urja_pipeline",
        "GRANT UPDATE (posted_at, posted_seq, arrears_minor) ON books_credit_request TO urja_pipeline",
        "GRANT UPDATE (posted_at, posted_seq) ON books_debit_request TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE books_number TO urja_pipeline",
    ],
}
