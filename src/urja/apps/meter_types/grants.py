"""Rights of each PostgreSQL role on meter types: pipeline and web read them; the owner's command loads them."""

GRANTS: dict[str, list[str]] = {
    "urja_web": ["GRANT SELECT ON meter_types_version TO urja_web"],
    "urja_pipeline": ["GRANT SELECT ON meter_types_version TO urja_pipeline"],
}
