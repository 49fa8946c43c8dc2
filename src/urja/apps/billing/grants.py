"""Rights of each PostgreSQL role on the tables of billing: the web reads charges and dues, the pipeline writes them."""

_HEADS = "billing_close, billing_rated"
_AGREED = "billing_deposit, billing_deposit_demand, billing_arrear, billing_instalment_plan"
_OPENING = "billing_opening_balance"
_REFUSED = "billing_refusal"
_PAID = "billing_arrear_payment, billing_instalment"
_UNITS = "billing_unit_bank"
_SUBSIDIES = "billing_subsidy_payment"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_HEADS}, {_AGREED}, {_OPENING}, {_REFUSED}, billing_review, {_PAID}, {_UNITS}, {_SUBSIDIES}, billing_arrear_left, billing_final_settlement TO urja_web"
    ],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT, UPDATE ON {_HEADS} TO urja_pipeline",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_AGREED} TO urja_pipeline",
        # A balance that was changed is signed off by another row.
        f"GRANT SELECT, INSERT ON {_OPENING} TO urja_pipeline",
        # A refusal that no longer holds is followed by another row.
        f"GRANT SELECT, INSERT ON {_REFUSED} TO urja_pipeline",
        "GRANT SELECT, INSERT ON billing_review TO urja_pipeline",
        "GRANT UPDATE (ended_at, outcome, note, operation_id, credited_minor) ON billing_review TO urja_pipeline",
        # Payments of dues are only added: a reversal is another row.
        f"GRANT SELECT, INSERT ON {_PAID} TO urja_pipeline",
        # Banked units too: what differs is the next version.
        f"GRANT SELECT, INSERT ON {_UNITS} TO urja_pipeline",
        f"GRANT SELECT, INSERT ON {_SUBSIDIES} TO urja_pipeline",
        "GRANT SELECT ON billing_arrear_left TO urja_pipeline",
        "GRANT SELECT, INSERT, DELETE ON billing_final_settlement TO urja_pipeline",
        "GRANT UPDATE (settled_at, amount_minor) ON billing_final_settlement TO urja_pipeline",
    ],
}
