"""Rights of each PostgreSQL role on tariffs: everybody reads; documents are loaded by the owner's command."""

GRANTS: dict[str, list[str]] = {
    "urja_web": ["GRANT SELECT ON tariffs_version TO urja_web"],
    "urja_pipeline": ["GRANT SELECT ON tariffs_version TO urja_pipeline"],
}
