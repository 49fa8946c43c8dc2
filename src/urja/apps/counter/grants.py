"""Rights on this app's tables: the web reads them, and the pipeline alone writes what operations make."""

_TABLES = "counter_drawer, counter_receipt, counter_deposit, counter_deposit_cash"

GRANTS: dict[str, list[str]] = {
    "urja_web": [f"GRANT SELECT ON {_TABLES} TO urja_web"],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT ON {_TABLES} TO urja_pipeline",
        "GRANT UPDATE (closed_at, counted_minor, difference_minor, counts, explanation, closed_by) ON counter_drawer TO urja_pipeline",
        "GRANT UPDATE (state, state_at, reason, deposit_id) ON counter_receipt TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE counter_deposit_cash_id_seq TO urja_pipeline",
    ],
}
