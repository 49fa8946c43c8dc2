"""Rights of each PostgreSQL role on the rulebook: both only read; the owner's commands load documents."""

_ALL = (
    "rulebook_tariff_version, rulebook_policy_version, rulebook_policy_assignment, rulebook_calendar_version,"
    " rulebook_heat_values_version"
)

GRANTS: dict[str, list[str]] = {
    "urja_web": [f"GRANT SELECT ON {_ALL} TO urja_web"],
    "urja_pipeline": [f"GRANT SELECT ON {_ALL} TO urja_pipeline"],
}
