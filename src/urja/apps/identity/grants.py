"""Rights of each PostgreSQL role on the tables of identities, and the pipeline's on those of signing in.

The web reads who may do what and records sign-in events. Operations of the pipeline grant and revoke rights.
"""

_PUBLIC = "identity_account_access, identity_employment"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_PUBLIC} TO urja_web",
        # By column: the web records when a token was used, and cannot change what it may do.
        "GRANT SELECT, UPDATE (last_used_at) ON identity_token TO urja_web",
        "GRANT SELECT, INSERT ON identity_personal_read TO urja_web",
        # The web learns who may sign in by a number, and reads no history of numbers.
        "GRANT EXECUTE ON FUNCTION identity_mobile_users TO urja_web",
        # No UPDATE and no DELETE: limits are counted by these rows, and a stolen web must not reset them.
        (
            "GRANT SELECT, INSERT (at, kind, user_id, address_digest, ip, network, device_digest) ON identity_sign_in"
            " TO urja_web"
        ),
        "GRANT USAGE ON SEQUENCE identity_sign_in_id_seq TO urja_web",
        # The web asks that a code be mailed to a user; it names neither address nor text. It reads whether the relay fails.
        "GRANT INSERT (user_id, code, language, medium), SELECT (ended_at, relay_failed_at) ON identity_sign_in_code TO urja_web",
        "GRANT USAGE ON SEQUENCE identity_sign_in_code_id_seq TO urja_web",
        # The web stores the word from a mail unverified. It cannot read which addresses change, nor by which words.
        "GRANT INSERT (word, received_at), SELECT (id) ON identity_address_answer TO urja_web",
        "GRANT USAGE ON SEQUENCE identity_address_answer_id_seq TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_PUBLIC} TO urja_pipeline",
        "GRANT SELECT (id, username, email, is_active, date_joined) ON auth_user TO urja_pipeline",
        # A consumer who moves in signs in with the address that they gave.
        "GRANT INSERT ON auth_user TO urja_pipeline",
        # A person signs in with their e-mail address, so that a corrected address is changed here as well.
        "GRANT UPDATE (username, email, first_name) ON auth_user TO urja_pipeline",
        "GRANT SELECT (user_id), DELETE ON account_emailaddress TO urja_pipeline",
        "GRANT SELECT, INSERT, UPDATE ON identity_address_change TO urja_pipeline",
        "GRANT SELECT, DELETE ON identity_address_answer TO urja_pipeline",
        "GRANT SELECT, DELETE ON identity_sign_in TO urja_pipeline",
        "GRANT SELECT, UPDATE, DELETE ON identity_sign_in_code TO urja_pipeline",
        "GRANT SELECT ON identity_token TO urja_pipeline",
        "GRANT EXECUTE ON FUNCTION identity_mobile_users TO urja_pipeline",
    ],
}
