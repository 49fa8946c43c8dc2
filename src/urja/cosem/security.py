"""Symmetric protection of the security suites (IEC 62056-5-3, 5.3): AES-GCM, GMAC, AES key wrap.

Suites 0 and 1 use AES-128, suite 2 AES-256. What suites 1 and 2 add (signatures, key agreement, compression) is
recognised where it stands in an APDU, and not computed.

Keys, titles and counters are arguments. DLMS truncates the GCM tag to 12 bytes, which `AESGCM.decrypt` does
not take; GCM being a counter mode, encrypting the ciphertext gives the plaintext, and encrypting that gives
the tag to compare. With the key schedule cached this beats the streaming interface by far.
"""

import hmac
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Self

from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from urja.base.keystore import KeyNotOpenedError
from urja.cosem.errors import AuthenticationError, CosemError, DecodeError, LocalError

TAG_LENGTH: Final = 12
KEY_LENGTH: Final = 16
KEY_LENGTHS: Final = {0: KEY_LENGTH, 1: KEY_LENGTH, 2: 32}
"""Bytes of a key, by security suite."""
SYSTEM_TITLE_LENGTH: Final = 8
MAX_COUNTER: Final = 0xFFFF_FFFF

_GCM_TAG_LENGTH: Final = 16
_AUTHENTICATED, _ENCRYPTED, _BROADCAST, _COMPRESSED = 0x10, 0x20, 0x40, 0x80


@dataclass(frozen=True, slots=True)
class SecurityControl:
    """The security control byte (IEC 62056-5-3, 5.3.3.2.2): what is applied, by which suite and key set."""

    authenticated: bool = True
    encrypted: bool = True
    broadcast: bool = False
    """Key set: the global broadcast key instead of the unicast key."""
    compressed: bool = False
    suite: int = 0

    @classmethod
    def from_byte(cls, value: int) -> Self:
        """Every byte is a security control; whether we can serve it shows when it is applied."""
        return cls(
            bool(value & _AUTHENTICATED),
            bool(value & _ENCRYPTED),
            bool(value & _BROADCAST),
            bool(value & _COMPRESSED),
            value & 0x0F,
        )

    def to_byte(self) -> int:
        """The byte."""
        return (
            self.suite
            | self.authenticated * _AUTHENTICATED
            | self.encrypted * _ENCRYPTED
            | self.broadcast * _BROADCAST
            | self.compressed * _COMPRESSED
        )

    def covers(self, other: "SecurityControl") -> bool:
        """Whether this protection is at least as strong as `other`."""
        return self.authenticated >= other.authenticated and self.encrypted >= other.encrypted


AUTHENTICATED: Final = SecurityControl(authenticated=True, encrypted=False)
ENCRYPTED: Final = SecurityControl(authenticated=False, encrypted=True)
AUTHENTICATED_ENCRYPTED: Final = SecurityControl(authenticated=True, encrypted=True)


@dataclass(frozen=True, slots=True, repr=False)
class SuiteKeys:
    """Global unicast encryption key and, where authentication is used, the authentication key.

    16 bytes each, or 32 for suite 2; LocalError otherwise. Never printed.
    """

    guek: bytes
    gak: bytes | None = None

    def __post_init__(self) -> None:
        for name, key in (("encryption", self.guek), ("authentication", self.gak)):
            if key is not None and len(key) not in KEY_LENGTHS.values():
                raise LocalError(f"the {name} key has {len(key)} bytes, not 16 or, for suite 2, 32")
        if self.gak is not None and len(self.gak) != len(self.guek):
            raise LocalError(
                f"encryption key ({len(self.guek)} bytes) and authentication key ({len(self.gak)}) are not of one suite"
            )

    def __repr__(self) -> str:
        return "SuiteKeys(...)"


@lru_cache(maxsize=16384)
def cipher(key: bytes) -> AESGCM:
    """The cached cipher of a key."""
    return AESGCM(key)


def nonce(system_title: bytes, invocation_counter: int) -> bytes:
    """The initialization vector: system title (8 bytes), then the counter; LocalError where they do not fit."""
    if len(system_title) != SYSTEM_TITLE_LENGTH:
        raise LocalError(f"a system title has {SYSTEM_TITLE_LENGTH} bytes, not {len(system_title)}")
    if not 0 <= invocation_counter <= MAX_COUNTER:
        raise LocalError(f"invocation counter {invocation_counter} is outside 32 bits")
    return system_title + invocation_counter.to_bytes(4)


def seal(
    keys: SuiteKeys,
    system_title: bytes,
    invocation_counter: int,
    control: SecurityControl,
    plaintext: bytes,
) -> bytes:
    """Protect an APDU: what follows security control and counter on the wire (text, then tag if any).

    `system_title` is the sender's. Raises LocalError for a control that we cannot apply, that the keys are too short
    or too long for, or that needs an authentication key which is not there.
    """
    _require_suite(control, keys, LocalError)
    vector = nonce(system_title, invocation_counter)
    gcm = cipher(keys.guek)
    if not control.authenticated:
        return gcm.encrypt(vector, plaintext, None)[:-_GCM_TAG_LENGTH] if control.encrypted else plaintext
    header = bytes((control.to_byte(),)) + _authentication_key(keys)
    if control.encrypted:
        return gcm.encrypt(vector, plaintext, header)[: TAG_LENGTH - _GCM_TAG_LENGTH]
    return plaintext + gcm.encrypt(vector, b"", header + plaintext)[:TAG_LENGTH]


def open_(
    keys: SuiteKeys,
    system_title: bytes,
    invocation_counter: int,
    control: SecurityControl,
    payload: bytes,
    also_authenticated: bytes = b"",
) -> bytes:
    """Undo `seal`; `also_authenticated` is what general-ciphering says of its message.

    Raises AuthenticationError for a wrong tag, DecodeError for what cannot carry one.
    Without the authentication bit nothing is verified: the caller looks at what comes out.
    """
    _require_suite(control, keys, DecodeError)
    vector = nonce(system_title, invocation_counter)
    gcm = cipher(keys.guek)
    if not control.authenticated:
        return gcm.encrypt(vector, payload, None)[:-_GCM_TAG_LENGTH] if control.encrypted else payload
    if len(payload) < TAG_LENGTH:
        raise DecodeError(f"{len(payload)} bytes do not hold an authentication tag", offset=0)
    header = bytes((control.to_byte(),)) + _authentication_key(keys) + also_authenticated
    text, tag = payload[:-TAG_LENGTH], payload[-TAG_LENGTH:]
    if control.encrypted:
        plaintext = gcm.encrypt(vector, text, None)[:-_GCM_TAG_LENGTH]
        expected = gcm.encrypt(vector, plaintext, header)[len(text) : len(text) + TAG_LENGTH]
    else:
        plaintext = text
        expected = gcm.encrypt(vector, b"", header + text)[:TAG_LENGTH]
    if not hmac.compare_digest(expected, tag):
        raise AuthenticationError(
            "the authentication tag does not fit the key, the title or the bytes", offset=len(text)
        )
    return plaintext


def gmac(keys: SuiteKeys, system_title: bytes, invocation_counter: int, challenge: bytes) -> bytes:
    """The 12-byte GMAC of HLS mechanism 5 over security control 0x10, authentication key and challenge."""
    return seal(keys, system_title, invocation_counter, AUTHENTICATED, challenge)[len(challenge) :]


def gmac_reply(keys: SuiteKeys, system_title: bytes, invocation_counter: int, challenge: bytes) -> bytes:
    """f(StoC) or f(CtoS) of HLS mechanism 5: control, counter, GMAC; 17 bytes."""
    control = bytes((AUTHENTICATED.to_byte(),))
    mac = gmac(keys, system_title, invocation_counter, challenge)
    return control + invocation_counter.to_bytes(4) + mac


def verify_gmac_reply(keys: SuiteKeys, system_title: bytes, challenge: bytes, reply: bytes) -> int:
    """Check the peer's f(challenge) under the peer's title; returns its invocation counter.

    Raises AuthenticationError where it is not the answer to `challenge`.
    """
    if len(reply) != 5 + TAG_LENGTH or reply[0] != AUTHENTICATED.to_byte():
        raise AuthenticationError("the answer to the challenge is not a GMAC of suite 0")
    counter = int.from_bytes(reply[1:5])
    if not hmac.compare_digest(gmac(keys, system_title, counter, challenge), reply[5:]):
        raise AuthenticationError("the answer to the challenge is wrong")
    return counter


def wrap_key(kek: bytes, key: bytes) -> bytes:
    """AES key wrap (RFC 3394); raises LocalError for lengths that cannot be."""
    try:
        return keywrap.aes_key_wrap(kek, key)
    except ValueError as error:
        raise LocalError(f"cannot wrap the key: {error}") from error


def unwrap_key(kek: bytes, wrapped: bytes) -> bytes:
    """The inverse of `wrap_key`; raises AuthenticationError where the check value is wrong."""
    try:
        return keywrap.aes_key_unwrap(kek, wrapped)
    except keywrap.InvalidUnwrap as error:
        raise AuthenticationError("the wrapped key does not open with this key-encryption key") from error
    except ValueError as error:
        raise LocalError(f"cannot unwrap the key: {error}") from error


@dataclass(frozen=True, slots=True)
class KekStore:
    """A key store (`urja.base.keystore`) whose wrapping key is at hand, as it lies in DATA/secrets.

    While that is being changed, what the one before has wrapped opens as well.
    """

    kek: bytes = field(repr=False)
    retiring: bytes = field(default=b"", repr=False)

    def wrap(self, key: bytes) -> bytes:
        return wrap_key(self.kek, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        try:
            return unwrap_key(self.kek, wrapped)
        except CosemError as error:
            if not self.retiring:
                raise KeyNotOpenedError(str(error)) from error
        try:
            return unwrap_key(self.retiring, wrapped)
        except CosemError as error:
            raise KeyNotOpenedError(str(error)) from error


def _require_suite(control: SecurityControl, keys: SuiteKeys, error: type[LocalError | DecodeError]) -> None:
    length = KEY_LENGTHS.get(control.suite)
    if length is None:
        raise error(f"there is no security suite {control.suite}, only 0, 1 and 2")
    if control.compressed:
        raise error("compressed APDUs (V.44) are not supported")
    if len(keys.guek) != length:
        raise error(
            f"security suite {control.suite} takes keys of {length} bytes, the given ones have {len(keys.guek)}"
        )


def _authentication_key(keys: SuiteKeys) -> bytes:
    if keys.gak is None:
        raise LocalError("the protection needs an authentication key, and none is given")
    return keys.gak
