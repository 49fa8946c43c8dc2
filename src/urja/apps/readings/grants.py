"""Rights of each PostgreSQL role on this app's tables.

No role that can log in updates or deletes measured rows; they are only inserted. The one exception are reads entered by
a registry operation: undoing it calls a function that moves exactly these to `readings_withdrawal`. The day partitions
belong to `urja_partitions`, a role without a login, whose one function the pipeline may call.
"""

_MEASURED = "readings_interval, readings_edit, readings_register, readings_estimate, readings_event, readings_exception"
_WORK = (
    "readings_gap, readings_coverage, readings_pull, readings_accrual, readings_tamper_count, readings_heard, "
    "readings_alarm, readings_cursor"
)

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_MEASURED}, readings_gap, readings_accrual, readings_heard, readings_alarm, readings_cursor TO urja_web",
        "GRANT SELECT ON readings_unconfirmed, readings_channel_set TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT ON {_MEASURED} TO urja_pipeline",
        "GRANT SELECT, INSERT ON readings_channel_set TO urja_pipeline",
        "GRANT SELECT ON readings_withdrawal TO urja_pipeline",
        # A queue: what was calculated again is deleted from it.
        "GRANT SELECT, INSERT, DELETE ON readings_change TO urja_pipeline",
        f"GRANT SELECT, INSERT, UPDATE ON {_WORK} TO urja_pipeline",
        # Not a measurement: deleted once the meter has confirmed it.
        "GRANT SELECT, INSERT, DELETE ON readings_unconfirmed TO urja_pipeline",
        # Derived from the rows: deleted and calculated again where the registry gives the time to another agreement.
        "GRANT DELETE ON readings_accrual TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE readings_request_number TO urja_pipeline",
        "GRANT EXECUTE ON FUNCTION readings_make_days, readings_period, readings_withdraw_installation TO urja_pipeline",
    ],
    # `apply_grants` takes everything away from this role first; the schema right is not a table's.
    "urja_partitions": ["GRANT CREATE ON SCHEMA public TO urja_partitions"],
}
