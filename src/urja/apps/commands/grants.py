"""Rights of each PostgreSQL role on this app's tables: the web shows commands and can give none."""

_MOVES = (
    "state, sent_at, sent_wall_ms, acknowledged_at, acknowledged_wall_ms, ended_at, ended_wall_ms, detail, "
    "evidence, attempts, last_error, again_at, signature, published"
)
"""What a command's life changes; what was ordered stays as it was given."""

GRANTS: dict[str, list[str]] = {
    "urja_web": ["GRANT SELECT ON commands_command TO urja_web"],
    "urja_pipeline": [
        "GRANT SELECT, INSERT ON commands_command, commands_device TO urja_pipeline",
        f"GRANT UPDATE ({_MOVES}) ON commands_command TO urja_pipeline",
        "GRANT UPDATE (last_sequence) ON commands_device TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE commands_number TO urja_pipeline",
    ],
}
