"""Rights of each PostgreSQL role on this app's tables: the web reads; only the pipeline acts on operators' orders."""

_ALL = "supply_order, supply_hold, supply_state, supply_decision, supply_switching, supply_reconnection, supply_health, supply_area_health"

_WRITTEN = "supply_hold, supply_state, supply_decision, supply_switching, supply_reconnection, supply_health, supply_area_health"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_ALL} TO urja_web",
        # To see whether a cached page of an account is still valid.
        "GRANT SELECT (id, account_id) ON supply_changed TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT ON {_ALL} TO urja_pipeline",
        f"GRANT INSERT ON {_WRITTEN} TO urja_pipeline",
        # Orders that registry operations give, such as the hold of a vacant premise.
        "GRANT INSERT ON supply_order TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE supply_order_id_seq TO urja_pipeline",
        "GRANT UPDATE ON supply_state, supply_reconnection TO urja_pipeline",
        "GRANT UPDATE (released_at, released_by) ON supply_hold TO urja_pipeline",
        "GRANT UPDATE (applied_at) ON supply_order TO urja_pipeline",
        "GRANT DELETE ON supply_health, supply_area_health TO urja_pipeline",
        "GRANT UPDATE (until_at) ON supply_area_health TO urja_pipeline",
        "GRANT SELECT, UPDATE (gateway_asked_at, relays_read_at, ended_at) ON supply_recovery TO urja_pipeline",
        "GRANT SELECT, DELETE ON supply_changed TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE supply_hold_id_seq, supply_decision_id_seq, supply_health_id_seq, supply_area_health_id_seq TO urja_pipeline",
    ],
}
