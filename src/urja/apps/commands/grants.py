"""Rights of each PostgreSQL role on the tables of commands: the web reads commands and cannot issue one.

It records requests for a release of held disconnections, and authenticators' answers; the head end verifies them.
"""

_MOVES = (
    "state, sent_at, sent_wall_ms, acknowledged_at, acknowledged_wall_ms, ended_at, ended_wall_ms, detail, "
    "evidence, attempts, last_error, again_at, signature, published"
)
"""Columns that the progress of a command changes. What was ordered cannot be changed."""

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        (
            "GRANT SELECT ON commands_command, commands_held_cuts, commands_cut_release, commands_cut_release_answer "
            "TO urja_web"
        ),
        "GRANT INSERT (id, cuts, areas, until, until_at, nonce, asked_by_id, asked_at) ON commands_cut_release TO urja_web",
        "GRANT UPDATE (cancelled_by_id, cancelled_at) ON commands_cut_release TO urja_web",
        (
            "GRANT INSERT (release_id, user_id, credential_id, client_data, authenticator_data, signature, given_at) "
            "ON commands_cut_release_answer TO urja_web"
        ),
        "GRANT USAGE ON SEQUENCE commands_cut_release_answer_id_seq TO urja_web",
    ],
    "urja_pipeline": [
        "GRANT SELECT, INSERT ON commands_command, commands_device TO urja_pipeline",
        f"GRANT UPDATE ({_MOVES}) ON commands_command TO urja_pipeline",
        "GRANT UPDATE (last_sequence) ON commands_device TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE commands_number TO urja_pipeline",
        "GRANT SELECT, INSERT, UPDATE ON commands_held_cuts TO urja_pipeline",
        "GRANT SELECT ON commands_cut_release, commands_cut_release_answer TO urja_pipeline",
        "GRANT UPDATE (state, detail, effective_at) ON commands_cut_release TO urja_pipeline",
    ],
}
