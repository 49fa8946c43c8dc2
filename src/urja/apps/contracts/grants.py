"""Rights of each PostgreSQL role on the tables of agreements: the web reads them, operations of the pipeline write.

Of an order that changes payment modes the pipeline may change how far it is, not what it says.
"""

_ALL = "contracts_agreement, contracts_agreement_terms"
_ORDERS = "contracts_mode_change, contracts_mode_change_row"
_MOVES = "state, told_at, operation_id, result, detail, ended_at"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_ALL}, {_ORDERS} TO urja_web",
        # Agreements as they were valid and known at given instants.
        "GRANT EXECUTE ON FUNCTION contracts_known TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_ALL} TO urja_pipeline",
        f"GRANT SELECT, INSERT ON {_ORDERS} TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE contracts_mode_change_row_id_seq TO urja_pipeline",
        "GRANT UPDATE (spared_at, stopped_at, stopped_by, ended_at) ON contracts_mode_change TO urja_pipeline",
        f"GRANT UPDATE ({_MOVES}) ON contracts_mode_change_row TO urja_pipeline",
        # The daily check of the laws: which policy governed when a charge was posted, what agreements shared a common area.
        "GRANT EXECUTE ON FUNCTION contracts_known TO urja_pipeline",
    ],
}
