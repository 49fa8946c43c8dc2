"""Rights of each PostgreSQL role on meter types: the pipeline and the pages read; types are loaded by the owner's command."""

GRANTS: dict[str, list[str]] = {
    "urja_web": ["GRANT SELECT ON meter_types_version TO urja_web"],
    "urja_pipeline": ["GRANT SELECT ON meter_types_version TO urja_pipeline"],
}
