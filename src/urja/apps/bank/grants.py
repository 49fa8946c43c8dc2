"""Rights on this app's tables: the web stores files and claims; only the pipeline accepts and credits.

The web may not read a statement's bytes, nor the references in its entries: with them a thief of the web would claim
transfers of others.
"""

_ENTRY_SHOWN = "id, bank_account_id, statement_id, booked_on, value_on, amount_minor, shown, reversal, nth"
_STATEMENT_SHOWN = (
    "id, bank_account_id, file_name, sha256, format, headings, approval_id, operation_id, actor, loaded_at, from_on, through_on, "
    "opening_minor, closing_minor, entries, repeated"
)
_CLAIMED = "id, account_id, bank_account_id, utr, amount_minor, paid_on, actor, claimed_at"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        "GRANT SELECT ON bank_account, bank_claim, bank_match TO urja_web",
        f"GRANT SELECT ({_STATEMENT_SHOWN}) ON bank_statement TO urja_web",
        f"GRANT SELECT ({_ENTRY_SHOWN}) ON bank_entry TO urja_web",
        "GRANT INSERT (id, bank_account_id, file_name, body, user_id, uploaded_at) ON bank_upload TO urja_web",
        # Without state and verdict: a claim of the web is a request, and no evidence that money came in.
        f"GRANT INSERT ({_CLAIMED}) ON bank_claim TO urja_web",
        "GRANT USAGE ON SEQUENCE bank_number TO urja_web",
        "GRANT EXECUTE ON FUNCTION bank_payout_entries TO urja_web",
        "GRANT SELECT ON bank_explained_entry TO urja_web",
    ],
    "urja_pipeline": [
        "GRANT SELECT ON bank_account, bank_upload, bank_statement, bank_entry, bank_claim, bank_match TO urja_pipeline",
        "GRANT DELETE ON bank_upload TO urja_pipeline",
        "GRANT EXECUTE ON FUNCTION bank_payout_entries TO urja_pipeline",
        "GRANT SELECT ON bank_explained_entry TO urja_pipeline",
        "GRANT INSERT ON bank_statement, bank_entry, bank_match TO urja_pipeline",
        f"GRANT INSERT ({_CLAIMED}) ON bank_claim TO urja_pipeline",
        "GRANT SELECT ON bank_entry_of_cheque TO urja_pipeline",
        "GRANT EXECUTE ON FUNCTION bank_cheque_number TO urja_pipeline",
        "GRANT SELECT, INSERT ON bank_cheque_payment TO urja_pipeline",
        "GRANT UPDATE (received_at, state, reason, note, judged_at) ON bank_claim TO urja_pipeline",
        "GRANT UPDATE (reversed_at, debit_id, reversed_by_id, reversal_operation_id) ON bank_match TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE bank_number, bank_statement_id_seq, bank_entry_id_seq, bank_match_id_seq TO urja_pipeline",
    ],
}
