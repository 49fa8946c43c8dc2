"""Verification of WebAuthn registrations and assertions, and the challenge that binds an assertion to one content.

Pure: credentials, challenges and origins are arguments, and nothing is stored here. The process that acts on an
approval verifies it itself (the pipeline for operations, the head end for releases of its ceilings); the web only
carries bytes. Clauses are those of W3C Web Authentication, Level 2.
"""

import hashlib
import hmac
import json
import struct
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any, Final, cast
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.webauthn import AttestationObject, AuthenticatorData, CollectedClientData
from msgspec import Struct

NONCE_BYTES: Final = 32
ALGORITHMS: Final = (ES256.ALGORITHM, EdDSA.ALGORITHM, RS256.ALGORITHM)
"""COSE algorithms that a credential may have: phones and security keys use the first, Windows Hello the last."""

_MOST_BYTES: Final = 16_384
"""Longest part of an answer that is parsed, in bytes; an attestation with certificates takes about 1,500."""


_UNREADABLE: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    struct.error,
    UnsupportedAlgorithm,
)


class Fault(Enum):
    """What is wrong with an authenticator's answer, as a sentence."""

    MALFORMED = "the passkey's answer cannot be read"
    TYPE = "the passkey's answer is of another kind: a registration in place of an approval, or the reverse"
    CHALLENGE = "the passkey's answer approves other content, or belongs to another question"
    ORIGIN = "the passkey's answer was given on another site"
    RELYING_PARTY = "the passkey belongs to another site"
    USER = "the authenticator did not verify its user (by PIN, fingerprint or face)"
    CREDENTIAL = "the passkey's answer is by another passkey"
    SIGNATURE = "the passkey's signature is wrong"
    COUNTER = "the passkey's counter went back: the passkey may have been copied"
    ALGORITHM = "the passkey's algorithm is none of ES256, EdDSA and RS256"


class PasskeyError(ValueError):
    """An answer that is not accepted; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Credential(Struct, frozen=True, kw_only=True):
    """A registered public key."""

    id: bytes
    public_key: bytes
    """COSE_Key, CBOR."""
    sign_count: int
    """Counter of the last answer; 0 for authenticators that do not count, such as synchronised passkeys."""


class Assertion(Struct, frozen=True, kw_only=True):
    """The raw answer of `navigator.credentials.get`."""

    credential_id: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


class Registration(Struct, frozen=True, kw_only=True):
    """The raw answer of `navigator.credentials.create`."""

    client_data: bytes
    attestation: bytes


def canonical(content: Mapping[str, object]) -> bytes:
    """Return a JSON object as bytes that do not depend on the order of its keys. Raises TypeError for floats."""
    return json.dumps(
        _without_floats(content), sort_keys=True, separators=(",", ":"), ensure_ascii=True
    ).encode()


def digest(content: Mapping[str, object]) -> bytes:
    """Return the SHA-256 of the canonical form, 32 bytes."""
    return hashlib.sha256(canonical(content)).digest()


def challenge(context: str, nonce: bytes, content: Mapping[str, object]) -> bytes:
    """Return the SHA-256 over context, nonce and SHA-256 of the content: the challenge that an assertion signs.

    The context names the question (`urja/approval/1`), so that an answer to one is none to another. The content
    contains its kind and its actor. Raises ValueError for a nonce that has not 32 bytes.
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes, not {len(nonce)}")
    return challenge_over(context, nonce, digest(content))


def challenge_over(context: str, nonce: bytes, content_sha256: bytes) -> bytes:
    """Return `challenge` for a content whose hash is known."""
    name = context.encode()
    # The length keeps context and nonce apart: no other pair of them gives the same bytes.
    return hashlib.sha256(len(name).to_bytes(2) + name + nonce + content_sha256).digest()


def verify_assertion(
    assertion: Assertion,
    credential: Credential,
    *,
    challenge: bytes,
    rp_id: str,
    origins: Collection[str],
) -> int:
    """Return the credential's new counter, where the assertion is its answer to this challenge. Raises PasskeyError
    (7.2).
    """
    if not hmac.compare_digest(assertion.credential_id, credential.id):
        raise PasskeyError(Fault.CREDENTIAL)
    client_data = _client_data(assertion.client_data)
    _check_client(client_data, CollectedClientData.TYPE.GET, challenge, origins)
    data = _read(lambda: AuthenticatorData(_bounded(assertion.authenticator_data)))
    _check_authenticator(data, rp_id)
    message = assertion.authenticator_data + client_data.hash
    if not _is_signed(_key(credential.public_key), message, assertion.signature):
        raise PasskeyError(Fault.SIGNATURE)
    # 7.2, step 21: the counter of an authenticator that counts must increase, or the key may have been cloned.
    if (data.counter or credential.sign_count) and data.counter <= credential.sign_count:
        raise PasskeyError(Fault.COUNTER)
    return data.counter


def is_signed_by(assertion: Assertion, public_key: bytes, challenge: bytes) -> bool:
    """Return whether an assertion that was accepted before is signed by a key over a challenge; its origin is not
    checked.
    """
    try:
        client_data = _client_data(assertion.client_data)
        key = _key(public_key)
    except PasskeyError:
        return False
    same = client_data.type == CollectedClientData.TYPE.GET and client_data.challenge == challenge
    return same and _is_signed(key, assertion.authenticator_data + client_data.hash, assertion.signature)


def verify_registration(
    registration: Registration, *, challenge: bytes, rp_id: str, origins: Collection[str]
) -> Credential:
    """Return the credential that a registration created over this challenge. Raises PasskeyError (7.1).

    The attestation statement is not verified: a passkey is trusted because its owner had a code issued on the
    machine.
    """
    client_data = _client_data(registration.client_data)
    _check_client(client_data, CollectedClientData.TYPE.CREATE, challenge, origins)
    data = _read(lambda: AttestationObject(_bounded(registration.attestation)).auth_data)
    _check_authenticator(data, rp_id)
    made = data.credential_data
    if made is None or not 16 <= len(made.credential_id) <= 1023:
        raise PasskeyError(Fault.MALFORMED)
    public_key = cbor.encode(dict(made.public_key))
    key = _key(public_key)
    _read(
        lambda: _is_signed(key, b"", b"")
    )  # a key that verifies nothing fails here and not at its first use
    return Credential(id=made.credential_id, public_key=public_key, sign_count=data.counter)


def fingerprint(public_key: bytes) -> str:
    """Return sixteen hexadecimal digits in groups of four, to compare a passkey on a page with the one on the
    machine.
    """
    digits = hashlib.sha256(public_key).hexdigest()
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def _without_floats(value: object) -> object:
    match value:
        case None | bool() | int() | str():
            return value
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise TypeError("keys of a canonical object are strings")
            return {key: _without_floats(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_floats(item) for item in value]
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical form")


def _read[T](parse: Callable[[], T]) -> T:
    """Return the result of `parse`, or raise Fault.MALFORMED: the library's parsers raise many kinds of error."""
    try:
        return parse()
    except _UNREADABLE:
        raise PasskeyError(Fault.MALFORMED) from None


def _bounded(raw: bytes) -> bytes:
    if len(raw) > _MOST_BYTES:
        raise PasskeyError(Fault.MALFORMED)
    return raw


def _client_data(raw: bytes) -> CollectedClientData:
    client_data = _read(lambda: CollectedClientData(_bounded(raw)))
    if not isinstance(client_data.origin, str):
        raise PasskeyError(Fault.MALFORMED)
    return client_data


def _check_client(
    client_data: CollectedClientData, kind: str, challenge: bytes, origins: Collection[str]
) -> None:
    if client_data.type != kind:
        raise PasskeyError(Fault.TYPE)
    if not hmac.compare_digest(client_data.challenge, challenge):
        raise PasskeyError(Fault.CHALLENGE)
    # An answer from within a frame of another site is refused, whatever origin it names.
    if client_data.origin not in origins or client_data.cross_origin is not False:
        raise PasskeyError(Fault.ORIGIN)


def _check_authenticator(data: AuthenticatorData, rp_id: str) -> None:
    if not hmac.compare_digest(data.rp_id_hash, hashlib.sha256(rp_id.encode()).digest()):
        raise PasskeyError(Fault.RELYING_PARTY)
    if not data.is_user_present() or not data.is_user_verified():
        raise PasskeyError(Fault.USER)


def _key(public_key: bytes) -> CoseKey:
    key = _read(lambda: CoseKey.parse(dict(cast("Mapping[int, Any]", cbor.decode(public_key)))))
    if key.ALGORITHM not in ALGORITHMS:
        raise PasskeyError(Fault.ALGORITHM)
    return key


def _is_signed(key: CoseKey, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(message, signature)
    except InvalidSignature:
        return False
    return True


def host_of(origin: str) -> str:
    """Return the relying party's id of an origin: its host name."""
    return urlsplit(origin).hostname or ""
