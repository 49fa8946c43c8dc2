"""Rights on this app's tables: the web reads them; the pipeline writes dues by an operation and removes them by an undo."""

GRANTS: dict[str, list[str]] = {
    "urja_web": ["GRANT SELECT ON maintenance_account, maintenance_due TO urja_web"],
    "urja_pipeline": [
        "GRANT SELECT, INSERT ON maintenance_account TO urja_pipeline",
        "GRANT SELECT, INSERT, DELETE ON maintenance_due TO urja_pipeline",
    ],
}
