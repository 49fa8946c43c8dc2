"""Rights on this app's tables: the web stores orders and raw messages; only the pipeline decides what is paid."""

_TOLD = (
    "payments_order, payments_payment, payments_refund, payments_unmatched, payments_gateway, "
    "payments_settlement_report, payments_settlement_row"
)
_WISH = "id, account_id, user_id, amount_minor, currency, provider, correlation, created_at"
_MOVES = "state, provider_order_id, pending_at, paid_at, credited_at, ended_at, ask_at, asked, last_error"
_RAW = "provider, source, order_id, body, headers, received_at, received_wall_ms"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_TOLD} TO urja_web",
        # Without state and gateway id: a row of the web is a request, and no evidence that money came in.
        f"GRANT INSERT ({_WISH}) ON payments_order TO urja_web",
        f"GRANT INSERT ({_RAW}) ON payments_inbox TO urja_web",
        "GRANT USAGE ON SEQUENCE payments_number TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT ON {_TOLD}, payments_inbox TO urja_pipeline",
        "GRANT INSERT ON payments_payment, payments_refund, payments_unmatched, payments_gateway TO urja_pipeline",
        "GRANT UPDATE ON payments_payment, payments_refund, payments_gateway TO urja_pipeline",
        f"GRANT UPDATE ({_MOVES}) ON payments_order TO urja_pipeline",
        "GRANT UPDATE (processed_at, verdict), DELETE ON payments_inbox TO urja_pipeline",
        # A settlement row is stored as reported and never changed; a difference is closed when it no longer exists.
        "GRANT INSERT ON payments_settlement_report, payments_settlement_row TO urja_pipeline",
        "GRANT UPDATE (asked_at, closed_at, last_error) ON payments_settlement_report TO urja_pipeline",
        "GRANT UPDATE (matched_at) ON payments_settlement_row TO urja_pipeline",
        "GRANT UPDATE (closed_at, detail) ON payments_unmatched TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE payments_payment_id_seq, payments_refund_id_seq, payments_unmatched_id_seq TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE payments_settlement_report_id_seq, payments_settlement_row_id_seq TO urja_pipeline",
    ],
}
