"""Rights of each PostgreSQL role on this app's tables.

The web shows what the registry says and changes nothing in it: it records what somebody asks for
(`registry_request`), and the pipeline does it. Who adopts meters or loads files uses the owner's role. What was
there before a change is written by a trigger and deleted by nobody.
"""

_PUBLIC = (
    "registry_utility, registry_licensee, registry_premise, registry_node, registry_node_period, registry_placement, "
    "registry_transformer, registry_fed_by, registry_service_point, registry_device_period, registry_seal, "
    "registry_configuration, registry_agreement, registry_agreement_terms, registry_account_access, "
    "registry_deposit, registry_arrear, registry_instalment_plan, registry_protection, registry_consent, "
    "registry_employment, "
    "registry_external, registry_operation, registry_request, registry_revision, registry_person"
)
_WRITTEN = (
    "registry_utility, registry_licensee, registry_premise, registry_node, registry_node_period, registry_placement, "
    "registry_service_point, registry_device, registry_device_period, registry_seal, registry_configuration, "
    "registry_person, registry_consent, registry_protection, registry_account_access, registry_employment, "
    "registry_agreement, registry_agreement_terms, registry_deposit, registry_arrear, registry_instalment_plan, "
    "registry_external"
)
_SHOWN = (
    "id, serial, device_type, interval_s, max_power_w, load_switch, address, sim, firmware, nameplate, stock, held_by, "
    "forward_only, recorded_at, actor"
)
_PAST = "registry_known, registry_below, registry_placed, registry_nodes, registry_roots"
"""What was known when, of the rows that they are made for."""

_ASKED = "id, kind, content, rehearsal, actor, requested_at, idempotency_key"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_PUBLIC} TO urja_web",
        # What a key may is not the web's to say; when it was used last is.
        "GRANT SELECT, UPDATE (last_used_at) ON registry_token TO urja_web",
        "GRANT SELECT ON registry_personal_read TO urja_web",
        # Not the wrapped keys: a web server has no use for them.
        f"GRANT SELECT ({_SHOWN}) ON registry_device TO urja_web",
        f"GRANT EXECUTE ON FUNCTION {_PAST} TO urja_web",
        # What is asked for, and not what became of it.
        f"GRANT INSERT ({_ASKED}) ON registry_request TO urja_web",
        "GRANT INSERT ON registry_personal_read TO urja_web",
        # What happens at the door is added by the web and removed by it never; its limits are counted by it.
        (
            "GRANT SELECT, INSERT (at, kind, user_id, address_digest, ip, network, device_digest) ON registry_sign_in"
            " TO urja_web"
        ),
        "GRANT USAGE ON SEQUENCE registry_sign_in_id_seq TO urja_web",
        # What somebody brings from a mail, as it came; which addresses change, and by which words, is not shown.
        "GRANT INSERT (word, received_at), SELECT (id) ON registry_address_answer TO urja_web",
        "GRANT USAGE ON SEQUENCE registry_address_answer_id_seq TO urja_web",
        "GRANT USAGE ON SEQUENCE registry_number TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT ON {_PUBLIC}, registry_device, registry_projection, registry_history TO urja_pipeline",
        f"GRANT INSERT, UPDATE, DELETE ON {_WRITTEN} TO urja_pipeline",
        "GRANT INSERT ON registry_operation, registry_history TO urja_pipeline",
        "GRANT UPDATE ON registry_operation, registry_request, registry_revision TO urja_pipeline",
        "GRANT INSERT, UPDATE ON registry_projection TO urja_pipeline",
        # Never put in the place of others: the meter may have taken those.
        "GRANT SELECT, INSERT, DELETE ON registry_new_keys TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE registry_number, registry_history_id_seq TO urja_pipeline",
        "GRANT SELECT (id, username, email, is_active) ON auth_user TO urja_pipeline",
        # Who moves in signs in with the address that they gave.
        "GRANT INSERT ON auth_user TO urja_pipeline",
        # A person's e-mail address is what they sign in with: it is corrected here too.
        "GRANT UPDATE (username, email, first_name) ON auth_user TO urja_pipeline",
        "GRANT SELECT (user_id), DELETE ON account_emailaddress TO urja_pipeline",
        "GRANT SELECT, INSERT, UPDATE ON registry_address_change TO urja_pipeline",
        "GRANT SELECT, DELETE ON registry_address_answer TO urja_pipeline",
        "GRANT SELECT, DELETE ON registry_sign_in TO urja_pipeline",
        "GRANT SELECT ON registry_token TO urja_pipeline",
        "GRANT EXECUTE ON FUNCTION registry_forget, registry_without, registry_plain TO urja_pipeline",
    ],
}
