"""Rights of each PostgreSQL role on determinant rows and calendars of meters: the pipeline appends, every process reads, none changes."""

_ALL = "determinants_row, determinants_channel_set, determinants_meter_calendar, determinants_common_day"

GRANTS: dict[str, list[str]] = {
    "urja_web": [f"GRANT SELECT ON {_ALL} TO urja_web"],
    "urja_pipeline": [f"GRANT SELECT, INSERT ON {_ALL} TO urja_pipeline"],
}
