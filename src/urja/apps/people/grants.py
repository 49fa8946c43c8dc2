"""Rights of each PostgreSQL role on this app's tables: the web reads; operations of the pipeline write."""

_ALL = "people_person, people_consent, people_protection"

GRANTS: dict[str, list[str]] = {
    "urja_web": [f"GRANT SELECT ON {_ALL} TO urja_web"],
    "urja_pipeline": [f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_ALL} TO urja_pipeline"],
}
