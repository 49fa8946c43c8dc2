"""Rights of each PostgreSQL role on the tables of approvals.

The web records answers of authenticators and reads what its pages show. Only the pipeline writes passkeys, nonces and
verdicts. Invitations and thresholds are written by the owner's commands on the machine itself.
"""

_SHOWN = (
    "approvals_document, approvals_credential, approvals_waiting, approvals_measured, approvals_enrolment, "
    "approvals_answer"
)
_ANSWER = "waiting_id, user_id, action, credential_id, client_data, authenticator_data, signature, given_at"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_SHOWN} TO urja_web",
        "GRANT INSERT (user_id, name, client_data, attestation, asked_at) ON approvals_enrolment TO urja_web",
        f"GRANT INSERT ({_ANSWER}) ON approvals_answer TO urja_web",
        "GRANT USAGE ON SEQUENCE approvals_enrolment_id_seq, approvals_answer_id_seq TO urja_web",
    ],
    "urja_pipeline": [
        f"GRANT SELECT ON {_SHOWN}, approvals_invitation TO urja_pipeline",
        "GRANT UPDATE (used_at) ON approvals_invitation TO urja_pipeline",
        "GRANT INSERT ON approvals_credential, approvals_waiting, approvals_measured TO urja_pipeline",
        "GRANT UPDATE (sign_count) ON approvals_credential TO urja_pipeline",
        "GRANT UPDATE ON approvals_waiting TO urja_pipeline",
        "GRANT UPDATE (state, faults, judged_at) ON approvals_enrolment, approvals_answer TO urja_pipeline",
        "GRANT USAGE ON SEQUENCE approvals_credential_id_seq TO urja_pipeline",
    ],
}
