"""Rights of each PostgreSQL role on this app's tables: the web shows what is charged and owed, the pipeline writes it."""

_HEADS = "billing_close, billing_rated"
_AGREED = "billing_deposit, billing_arrear, billing_instalment_plan"
_PAID = "billing_arrear_payment, billing_instalment"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_HEADS}, {_AGREED}, {_PAID}, billing_arrear_left, billing_final_settlement TO urja_web"
    ],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT, UPDATE ON {_HEADS} TO urja_pipeline",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_AGREED} TO urja_pipeline",
        # What was paid is only ever added to.
        f"GRANT SELECT, INSERT ON {_PAID} TO urja_pipeline",
        "GRANT SELECT ON billing_arrear_left TO urja_pipeline",
        "GRANT SELECT, INSERT, DELETE ON billing_final_settlement TO urja_pipeline",
        "GRANT UPDATE (settled_at, amount_minor) ON billing_final_settlement TO urja_pipeline",
    ],
}
