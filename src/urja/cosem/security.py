"""Symmetric protection of the security suites (Green Book 9.2.3 and 9.2.7): AES-GCM, GMAC, AES key wrap.

Suites 0 and 1 use AES-128, suite 2 AES-256. What suites 1 and 2 add (signatures, key agreement, compression)
is recognised in an APDU, and not computed.

Keys, titles and counters are arguments. DLMS truncates the GCM tag to 12 bytes, which `AESGCM.decrypt` does
not accept. GCM is a counter mode, so encrypting the ciphertext gives the plaintext, and encrypting that gives
the tag to compare. With the key schedule cached this is much faster than the streaming interface.
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
"""Bytes of an authentication tag."""
KEY_LENGTH: Final = 16
"""Bytes of a key of suites 0 and 1."""
KEY_LENGTHS: Final = {0: KEY_LENGTH, 1: KEY_LENGTH, 2: 32}
"""Bytes of a key, by security suite (Green Book 9.2.3.7)."""
SYSTEM_TITLE_LENGTH: Final = 8
"""Bytes of a system title."""
MAX_COUNTER: Final = 0xFFFF_FFFF
"""The last invocation counter of a key: 32 bits."""

_GCM_TAG_LENGTH: Final = 16
_AUTHENTICATED, _ENCRYPTED, _BROADCAST, _COMPRESSED = 0x10, 0x20, 0x40, 0x80


@dataclass(frozen=True, slots=True)
class SecurityControl:
    """The security control byte (Green Book 9.2.7.2.4.2): the protection applied, its suite and key set."""

    authenticated: bool = True
    encrypted: bool = True
    broadcast: bool = False
    """Key set: the global broadcast key instead of the unicast key."""
    compressed: bool = False
    suite: int = 0

    @classmethod
    def from_byte(cls, value: int) -> Self:
        """Return the control of a byte; any byte is accepted here, and refused when it is applied."""
        return cls(
            bool(value & _AUTHENTICATED),
            bool(value & _ENCRYPTED),
            bool(value & _BROADCAST),
            bool(value & _COMPRESSED),
            value & 0x0F,
        )

    def to_byte(self) -> int:
        """Return the control as its byte."""
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
"""The control of pushes and associations of Indian meters: 0x30."""


@dataclass(frozen=True, slots=True, repr=False)
class SuiteKeys:
    """The global unicast encryption key and, where authentication is used, the authentication key.

    16 bytes each, or 32 for suite 2; LocalError otherwise. `repr` shows no key.
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
    """Return the cached cipher of a key."""
    return AESGCM(key)


def nonce(system_title: bytes, invocation_counter: int) -> bytes:
    """Return the initialization vector: system title (8 bytes), then the counter (Green Book 9.2.3.3.7.3).

    Raises LocalError where either does not fit.
    """
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
    """Return a protected APDU: what follows security control and counter on the wire (text, then tag if any).

    `system_title` is the sender's, 8 bytes. Raises LocalError for a control that is not supported, for keys
    of another length than its suite has, and where an authentication key is needed and not given.
    """
    # A control of the own side is the caller's mistake (LocalError), one of the peer's a DecodeError.
    _require_suite(control, keys, LocalError)
    vector = nonce(system_title, invocation_counter)
    gcm = cipher(keys.guek)
    if not control.authenticated:
        return gcm.encrypt(vector, plaintext, None)[:-_GCM_TAG_LENGTH] if control.encrypted else plaintext
    # Authenticated beside the text: SC || AK, and with authentication alone the text itself (Green Book 9.2.7.2.4).
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
    """Return the plain APDU of a payload that `seal` made.

    `also_authenticated` is the header of general-ciphering. Raises AuthenticationError for a wrong tag,
    DecodeError for a payload too short for one or a control that is not supported. Without the authentication
    bit nothing is verified: the caller has to judge the result.
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
    """Return the 12-byte GMAC over security control 0x10, authentication key and challenge (HLS mechanism 5)."""
    return seal(keys, system_title, invocation_counter, AUTHENTICATED, challenge)[len(challenge) :]


def gmac_reply(keys: SuiteKeys, system_title: bytes, invocation_counter: int, challenge: bytes) -> bytes:
    """Return f(StoC) or f(CtoS) of HLS mechanism 5 (Green Book 9.2.7.4): control, counter, GMAC; 17 bytes."""
    control = bytes((AUTHENTICATED.to_byte(),))
    mac = gmac(keys, system_title, invocation_counter, challenge)
    return control + invocation_counter.to_bytes(4) + mac


def verify_gmac_reply(keys: SuiteKeys, system_title: bytes, challenge: bytes, reply: bytes) -> int:
    """Verify the peer's f(challenge) under the peer's title; returns its invocation counter.

    Raises AuthenticationError where it is not the answer to `challenge`.
    """
    if len(reply) != 5 + TAG_LENGTH or reply[0] != AUTHENTICATED.to_byte():
        raise AuthenticationError("the answer to the challenge is not a GMAC of suite 0")
    counter = int.from_bytes(reply[1:5])
    if not hmac.compare_digest(gmac(keys, system_title, counter, challenge), reply[5:]):
        raise AuthenticationError("the answer to the challenge is wrong")
    return counter


def wrap_key(kek: bytes, key: bytes) -> bytes:
    """Return a key wrapped by AES key wrap (RFC 3394).

    Raises LocalError for lengths that RFC 3394 does not allow.
    """
    try:
        return keywrap.aes_key_wrap(kek, key)
    except ValueError as error:
        raise LocalError(f"cannot wrap the key: {error}") from error


def unwrap_key(kek: bytes, wrapped: bytes) -> bytes:
    """Return the key that `wrap_key` wrapped.

    Raises AuthenticationError where the check value is wrong, LocalError where the bytes have no length of a wrapped key.
    """
    try:
        return keywrap.aes_key_unwrap(kek, wrapped)
    except keywrap.InvalidUnwrap as error:
        raise AuthenticationError("the wrapped key does not open with this key-encryption key") from error
    except ValueError as error:
        raise LocalError(f"cannot unwrap the key: {error}") from error


@dataclass(frozen=True, slots=True)
class KekStore:
    """A key store (`urja.base.keystore`) that holds its key-encryption key, as it is in DATA/secrets.

    While that key is being changed, keys wrapped by the `retiring` one are unwrapped as well.
    """

    kek: bytes = field(repr=False)
    retiring: bytes = field(default=b"", repr=False)

    def wrap(self, key: bytes) -> bytes:
        return wrap_key(self.kek, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return a key that this store's key wrapped, or the retiring one. Raises KeyNotOpenedError for any other."""
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
        raise LocalError("the protection needs an authentication key: give it with the encryption key")
    return keys.gak
