"""Rights of each PostgreSQL role on this app's tables: the web shows what a meter has answered.

What a meter told of its pushes decides what their bytes mean: the pipeline adds to it, and changes nothing.
"""

GRANTS: dict[str, list[str]] = {
    "urja_web": ["GRANT SELECT ON commissioning_call, commissioning_push_layout TO urja_web"],
    "urja_pipeline": [
        "GRANT SELECT, INSERT, UPDATE, DELETE ON commissioning_call TO urja_pipeline",
        "GRANT SELECT, INSERT ON commissioning_push_layout TO urja_pipeline",
    ],
}
