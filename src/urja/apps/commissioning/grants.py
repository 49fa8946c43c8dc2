"""Rights of each PostgreSQL role on the tables of commissioning: the web reads calls and layouts.

The layout of a meter's pushes decides what their bytes mean: the pipeline may add rows and change none.
"""

GRANTS: dict[str, list[str]] = {
    "urja_web": ["GRANT SELECT ON commissioning_call, commissioning_push_layout TO urja_web"],
    "urja_pipeline": [
        "GRANT SELECT, INSERT, UPDATE, DELETE ON commissioning_call TO urja_pipeline",
        "GRANT SELECT, INSERT ON commissioning_push_layout TO urja_pipeline",
    ],
}
