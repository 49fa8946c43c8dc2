"""Rights of each PostgreSQL role on this app's tables, and the pipeline's on those of signing in.

The web shows who may do what and notes what happens at the door; operations of the pipeline give rights and take them.
"""

_PUBLIC = "identity_account_access, identity_employment"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_PUBLIC} TO urja_web",
        # What a key may is not the web's to say; when it was used last is.
        "GRANT SELECT, UPDATE (last_used_at) ON identity_token TO urja_web",
        "GRANT SELECT, INSERT ON identity_personal_read TO urja_web",
        # What happens at the door is added by the web and removed by it never; its limits are counted by it.
        (
            "GRANT SELECT, INSERT (at, kind, user_id, address_digest, ip, network, device_digest) ON identity_sign_in"
            " TO urja_web"
        ),
        "GRANT USAGE ON SEQUENCE identity_sign_in_id_seq TO urja_web",
        # What somebody brings from a mail, as it came; which addresses change, and by which words, is not shown.
        "GRANT INSERT (word, received_at), SELECT (id) ON identity_address_answer TO urja_web",
        "GRANT USAGE ON SEQUENCE identity_address_answer_id_seq TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_PUBLIC} TO urja_pipeline",
        "GRANT SELECT (id, username, email, is_active) ON auth_user TO urja_pipeline",
        # Who moves in signs in with the address that they gave.
        "GRANT INSERT ON auth_user TO urja_pipeline",
        # A person's e-mail address is what they sign in with: it is corrected here too.
        "GRANT UPDATE (username, email, first_name) ON auth_user TO urja_pipeline",
        "GRANT SELECT (user_id), DELETE ON account_emailaddress TO urja_pipeline",
        "GRANT SELECT, INSERT, UPDATE ON identity_address_change TO urja_pipeline",
        "GRANT SELECT, DELETE ON identity_address_answer TO urja_pipeline",
        "GRANT SELECT, DELETE ON identity_sign_in TO urja_pipeline",
        "GRANT SELECT ON identity_token TO urja_pipeline",
    ],
}
