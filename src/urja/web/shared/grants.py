"""Rights of each PostgreSQL role on the cache: the web's alone."""

GRANTS: dict[str, list[str]] = {
    "urja_web": ["GRANT SELECT, INSERT, UPDATE, DELETE ON web_cache TO urja_web"],
}
