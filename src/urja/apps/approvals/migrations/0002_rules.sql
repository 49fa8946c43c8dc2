-- What the web may record of an authenticator's answer has a size.
ALTER TABLE approvals_enrolment ADD CONSTRAINT approvals_enrolment_size CHECK (
    octet_length(client_data) <= 16384 AND octet_length(attestation) <= 16384
);
ALTER TABLE approvals_answer ADD CONSTRAINT approvals_answer_size CHECK (
    octet_length(credential_id) <= 16384 AND octet_length(client_data) <= 16384
    AND octet_length(authenticator_data) <= 16384 AND octet_length(signature) <= 16384
);
