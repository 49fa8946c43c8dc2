"""Rights of each PostgreSQL role on this app's table: the web shows what a meter has answered."""

GRANTS: dict[str, list[str]] = {
    "urja_web": ["GRANT SELECT ON commissioning_call TO urja_web"],
    "urja_pipeline": ["GRANT SELECT, INSERT, UPDATE, DELETE ON commissioning_call TO urja_pipeline"],
}
