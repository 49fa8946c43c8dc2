"""An authenticator's answer is accepted for one content, on one site, by one passkey, and each deviation is named."""

import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from fido2 import cbor
from fido2.cose import CoseKey, EdDSA
from hypothesis import given, strategies as st
from tests.authenticator import ATTESTED, ORIGIN, PRESENT, RP_ID, VERIFIED, Authenticator

from urja.base import passkey
from urja.base.passkey import Fault

CONTENT = {"kind": "Waive", "actor": 7, "fields": {"amount": 500_00, "note": "गलती"}}
NONCE = bytes(range(32))
CHALLENGE = passkey.challenge("urja/test/1", NONCE, CONTENT)


def verify(assertion, credential, challenge=CHALLENGE):
    return passkey.verify_assertion(
        assertion, credential, challenge=challenge, rp_id=RP_ID, origins=(ORIGIN,)
    )


def register(registration, challenge=CHALLENGE):
    return passkey.verify_registration(registration, challenge=challenge, rp_id=RP_ID, origins=(ORIGIN,))


def fault_of(call, *arguments):
    with pytest.raises(passkey.PasskeyError) as raised:
        call(*arguments)
    assert str(raised.value) == raised.value.fault.value
    return raised.value.fault


def test_a_registered_passkey_approves_and_counts_on():
    phone = Authenticator()
    credential = register(phone.register(CHALLENGE))
    assert (credential.id, credential.public_key, credential.sign_count) == (phone.id, phone.public_key, 0)
    first = verify(phone.approve(CHALLENGE), credential)
    second = verify(phone.approve(CHALLENGE), msgspec.structs.replace(credential, sign_count=first))
    assert (first, second) == (1, 2)


def test_a_synchronised_passkey_that_does_not_count_is_accepted_again():
    phone = Authenticator(counts=False)
    assert verify(phone.approve(CHALLENGE), phone.credential()) == 0
    assert verify(phone.approve(CHALLENGE), phone.credential()) == 0


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"kind": "webauthn.create"}, Fault.TYPE),
        ({"origin": "https://console.example.evil"}, Fault.ORIGIN),
        ({"origin": "http://console.example"}, Fault.ORIGIN),
        ({"origin": "https://console.example:8443"}, Fault.ORIGIN),
        ({"cross_origin": True}, Fault.ORIGIN),
        ({"rp_id": "evil.example"}, Fault.RELYING_PARTY),
        ({"flags": PRESENT}, Fault.USER),
        ({"flags": VERIFIED}, Fault.USER),
    ],
)
def test_each_change_of_an_assertion_is_named(changed, fault):
    phone = Authenticator()
    assert fault_of(verify, phone.approve(CHALLENGE, **changed), phone.credential()) is fault


def test_other_content_another_nonce_and_another_context_are_other_challenges():
    phone = Authenticator()
    for other in (
        passkey.challenge("urja/test/1", NONCE, {**CONTENT, "actor": 8}),
        passkey.challenge("urja/test/1", NONCE, {**CONTENT, "kind": "Waiv"}),
        passkey.challenge("urja/test/1", bytes(32), CONTENT),
        passkey.challenge("urja/test/2", NONCE, CONTENT),
    ):
        assert fault_of(verify, phone.approve(other), phone.credential()) is Fault.CHALLENGE


def test_a_signature_by_another_key_or_over_other_bytes_is_refused():
    phone, other = Authenticator(), Authenticator()
    other.id = phone.id
    assert fault_of(verify, other.approve(CHALLENGE), phone.credential()) is Fault.SIGNATURE
    given = phone.approve(CHALLENGE)
    counted = given.authenticator_data[:-1] + b"\x09"
    changed = msgspec.structs.replace(given, authenticator_data=counted)
    assert fault_of(verify, changed, phone.credential()) is Fault.SIGNATURE
    cut = msgspec.structs.replace(given, signature=given.signature[:-1])
    assert fault_of(verify, cut, phone.credential()) is Fault.SIGNATURE


def test_an_answer_by_another_passkey_is_refused():
    phone, other = Authenticator(), Authenticator()
    assert fault_of(verify, other.approve(CHALLENGE), phone.credential()) is Fault.CREDENTIAL


@pytest.mark.parametrize("counter", [0, 4, 5])
def test_a_counter_that_does_not_go_on_is_refused(counter):
    phone = Authenticator()
    answer = phone.approve(CHALLENGE, counter=counter)
    assert fault_of(verify, answer, phone.credential(5)) is Fault.COUNTER


@pytest.mark.parametrize(
    "client_data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 10_000,
        b" " * 20_000,
        json.dumps({"type": 1, "challenge": 2, "origin": 3}).encode(),
    ],
)
def test_client_data_that_cannot_be_read_is_refused(client_data):
    phone = Authenticator()
    answer = msgspec.structs.replace(phone.approve(CHALLENGE), client_data=client_data)
    assert fault_of(verify, answer, phone.credential()) is Fault.MALFORMED


@given(st.binary(max_size=200))
def test_any_bytes_in_place_of_an_answer_are_refused(junk):
    phone = Authenticator()
    answer = phone.approve(CHALLENGE)
    for field in ("client_data", "authenticator_data", "signature"):
        with pytest.raises(passkey.PasskeyError):
            verify(msgspec.structs.replace(answer, **{field: junk}), phone.credential())
    with pytest.raises(passkey.PasskeyError):
        register(msgspec.structs.replace(phone.register(CHALLENGE), attestation=junk))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"kind": "webauthn.get"}, Fault.TYPE),
        ({"origin": "https://evil.example"}, Fault.ORIGIN),
        ({"rp_id": "evil.example"}, Fault.RELYING_PARTY),
        ({"flags": PRESENT}, Fault.USER),
        ({"public_key": cbor.encode({1: 2})}, Fault.MALFORMED),
        ({"public_key": cbor.encode({1: 2, 3: -7})}, Fault.MALFORMED),
        ({"public_key": cbor.encode({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)})}, Fault.MALFORMED),
        ({"public_key": cbor.encode({1: 2, 3: -65535})}, Fault.ALGORITHM),
    ],
)
def test_each_change_of_a_registration_is_named(changed, fault):
    assert fault_of(register, Authenticator().register(CHALLENGE, **changed)) is fault


def test_a_registration_over_another_challenge_is_refused():
    other = passkey.challenge("urja/test/1", bytes(32), CONTENT)
    assert fault_of(register, Authenticator().register(other)) is Fault.CHALLENGE


def test_an_assertion_is_no_registration():
    phone = Authenticator()
    data = phone.approve(CHALLENGE).authenticator_data
    bare = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
    answer = msgspec.structs.replace(phone.register(CHALLENGE), attestation=bare)
    assert fault_of(register, answer) is Fault.MALFORMED
    assert ATTESTED & data[32] == 0


def test_keys_of_the_three_algorithms_are_registered():
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    ed_key = ed25519.Ed25519PrivateKey.generate().public_key()
    for key in (CoseKey.for_alg(-257).from_cryptography_key(rsa_key), EdDSA.from_cryptography_key(ed_key)):
        encoded = cbor.encode(dict(key))
        assert register(Authenticator().register(CHALLENGE, public_key=encoded)).public_key == encoded


def test_the_canonical_form_knows_no_order_and_no_floats():
    shuffled = {"fields": {"note": "गलती", "amount": 500_00}, "actor": 7, "kind": "Waive"}
    assert passkey.canonical(shuffled) == passkey.canonical(CONTENT)
    for wrong in ({"a": 0.1}, {"a": float("nan")}, {1: "a"}, {"a": b"b"}, {"a": {2: 3}}):
        with pytest.raises(TypeError):
            passkey.canonical(wrong)
    with pytest.raises(ValueError, match="32 bytes"):
        passkey.challenge("urja/test/1", b"short", CONTENT)


def test_a_fingerprint_can_be_read_out():
    assert passkey.fingerprint(b"key") == "2c70 e12b 7a06 46f9"


def test_an_assertion_is_signed_over_its_challenge_and_no_other():
    phone = Authenticator()
    assertion, enrolled = phone.approve(CHALLENGE), phone.register(CHALLENGE)
    assert passkey.is_signed_by(assertion, phone.public_key, CHALLENGE)
    assert not passkey.is_signed_by(assertion, phone.public_key, bytes(32))
    assert not passkey.is_signed_by(assertion, Authenticator().public_key, CHALLENGE)
    of_another_kind = phone.approve(CHALLENGE, kind="webauthn.create")
    assert not passkey.is_signed_by(of_another_kind, phone.public_key, CHALLENGE)
    assert not passkey.is_signed_by(
        msgspec.structs.replace(assertion, client_data=enrolled.client_data), phone.public_key, CHALLENGE
    )
