"""Protected APDUs (Green Book 9.2.7.2): the glo- and ded- form of each service and the general forms.

general-glo-ciphering, general-ded-ciphering, general-ciphering (9.2.7.2.4.8), general-signing (9.2.7.2.5).
"""

from dataclasses import dataclass
from typing import Final, Self

from urja.cosem import axdr, security
from urja.cosem.errors import DecodeError, LocalError
from urja.cosem.security import SecurityControl, SuiteKeys
from urja.cosem.xdlms.cursor import Cursor, unknown_choice

GENERAL_GLO_TAG: Final = 0xDB
GENERAL_DED_TAG: Final = 0xDC
GENERAL_CIPHERING_TAG: Final = 0xDD
GENERAL_SIGNING_TAG: Final = 0xDF

GLOBAL_TAG_OF: Final = {
    0x01: 0x21,  # initiate-request
    0x05: 0x25,  # read-request
    0x06: 0x26,  # write-request
    0x08: 0x28,  # initiate-response
    0x0C: 0x2C,  # read-response
    0x0D: 0x2D,  # write-response
    0x0E: 0x2E,  # confirmed-service-error
    0x16: 0x36,  # unconfirmed-write-request
    0x18: 0x38,  # information-report
    0xC0: 0xC8,  # get-request
    0xC1: 0xC9,  # set-request
    0xC2: 0xCA,  # event-notification
    0xC3: 0xCB,  # action-request
    0xC4: 0xCC,  # get-response
    0xC5: 0xCD,  # set-response
    0xC7: 0xCF,  # action-response
}
"""Tag of a plain service to the tag of its glo- form (Green Book 9.5)."""

DEDICATED_TAG_OF: Final = {
    plain: 0x40 | plain if plain < 0x20 else glo + 8 for plain, glo in GLOBAL_TAG_OF.items()
}
"""Tag of a plain service to the tag of its ded- form (Green Book 9.5)."""

CIPHERED_TAGS: Final = frozenset(GLOBAL_TAG_OF.values()) | frozenset(DEDICATED_TAG_OF.values())
"""Every tag of a glo- or ded- form."""

_FROM_SERVERS: Final = (0x08, 0x0C, 0x0D, 0x0E, 0x18, 0xC2, 0xC4, 0xC5, 0xC7)
SERVER_TAGS: Final = frozenset(
    tags[plain] for tags in (GLOBAL_TAG_OF, DEDICATED_TAG_OF) for plain in _FROM_SERVERS
)
"""Tags of ciphered services that a server sends: the system title in their nonce is the meter's."""

_PLAIN_TAG_OF: Final = {glo: plain for plain, glo in GLOBAL_TAG_OF.items()} | {
    ded: plain for plain, ded in DEDICATED_TAG_OF.items()
}


@dataclass(frozen=True, slots=True)
class GlobalCiphered:
    """A service under the global or the dedicated key.

    `payload` is the text and the tag, as `security.seal` returns them; `counter` the invocation counter.
    """

    tag: int
    control: SecurityControl
    counter: int
    payload: bytes

    @classmethod
    def protect(
        cls,
        keys: SuiteKeys,
        system_title: bytes,
        counter: int,
        control: SecurityControl,
        apdu: bytes,
        *,
        dedicated: bool = False,
    ) -> Self:
        """Return the glo- form (or ded- form) of a plain APDU.

        Raises LocalError for a service that has no such form; the general form takes any.
        """
        tags = DEDICATED_TAG_OF if dedicated else GLOBAL_TAG_OF
        tag = tags.get(apdu[0]) if apdu else None
        if tag is None:
            raise LocalError(f"APDU {apdu[:1].hex()} has no glo- or ded- form: use general-glo-ciphering")
        return cls(tag, control, counter, security.seal(keys, system_title, counter, control, apdu))

    @property
    def authenticated_header(self) -> bytes:
        """The bytes that are authenticated beside security control, key and text: none here."""
        return b""

    @property
    def dedicated(self) -> bool:
        """Whether the dedicated key of the association was used."""
        return self.tag not in GLOBAL_TAG_OF.values()

    def open(self, keys: SuiteKeys, system_title: bytes) -> bytes:
        """Return the plain APDU; `system_title` is the sender's, 8 bytes.

        Raises AuthenticationError for a wrong tag, and DecodeError where the service inside is not the one
        that the tag announces. Without authentication that is the only sign of a wrong key.
        """
        apdu = security.open_(keys, system_title, self.counter, self.control, self.payload)
        # The tag outside is not authenticated: a glo-get-response must not deliver, say, an action response.
        if not apdu or apdu[0] != _PLAIN_TAG_OF[self.tag]:
            raise DecodeError(
                f"APDU {apdu[:1].hex() or 'of no bytes'} inside ciphering 0x{self.tag:02x}: a wrong key?"
            )
        return apdu

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        content = _encode_content(self.control, self.counter, self.payload)
        return bytes((self.tag,)) + axdr.encode_length(len(content)) + content


@dataclass(frozen=True, slots=True)
class GeneralGloCiphered:
    """An APDU under the global key, with the sender's system title (empty where the peer knows it)."""

    system_title: bytes
    control: SecurityControl
    counter: int
    ciphertext: bytes

    TAG = GENERAL_GLO_TAG

    @property
    def payload(self) -> bytes:
        """The text and the tag, as `security.seal` returns them."""
        return self.ciphertext

    @property
    def authenticated_header(self) -> bytes:
        """The bytes that are authenticated beside security control, key and text: none here."""
        return b""

    @classmethod
    def protect(
        cls,
        keys: SuiteKeys,
        system_title: bytes,
        counter: int,
        control: SecurityControl,
        apdu: bytes,
    ) -> Self:
        """Return the general form of a plain APDU; `system_title` is the sender's, 8 bytes."""
        ciphertext = security.seal(keys, system_title, counter, control, apdu)
        return cls(system_title, control, counter, ciphertext)

    def open(self, keys: SuiteKeys, system_title: bytes | None = None) -> bytes:
        """Return the plain APDU; `system_title` is used where the APDU carries none.

        Raises AuthenticationError for a wrong tag, LocalError where neither gives a title.
        """
        title = self.system_title or system_title
        if not title:
            raise LocalError("the APDU carries no system title, and none is given")
        return security.open_(keys, title, self.counter, self.control, self.ciphertext)

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        content = _encode_content(self.control, self.counter, self.ciphertext)
        title = axdr.encode_length(len(self.system_title)) + self.system_title
        return bytes((self.TAG,)) + title + axdr.encode_length(len(content)) + content


@dataclass(frozen=True, slots=True)
class GeneralDedCiphered(GeneralGloCiphered):
    """An APDU under the dedicated key of the association."""

    TAG = GENERAL_DED_TAG


@dataclass(frozen=True, slots=True)
class MessageFields:
    """The header of general-ciphering and general-signing, each field as received (it may be empty)."""

    transaction_id: bytes
    originator: bytes
    """System title of the party that applied the protection."""
    recipient: bytes
    """System title of the party that is to remove it."""
    date_time: bytes
    other_information: bytes

    def encode(self) -> bytes:
        """Return the five octet strings with their lengths: what ciphering authenticates of them."""
        fields = (
            self.transaction_id,
            self.originator,
            self.recipient,
            self.date_time,
            self.other_information,
        )
        return b"".join(axdr.encode_length(len(field)) + field for field in fields)


_IDENTIFIED, _WRAPPED, _AGREED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """The key of a message (Key-Info): `kind` is 0 identified, 1 wrapped, 2 agreed."""

    kind: int
    identifier: int = 0
    """Identified key: 0 global unicast, 1 global broadcast. Wrapped key: the wrapping key, 0 the master key.
    """
    parameters: bytes = b""
    ciphered: bytes = b""

    @property
    def words(self) -> str:
        """The key in words, for people."""
        if self.kind == _IDENTIFIED:
            return {0: "global unicast key", 1: "global broadcast key"}.get(
                self.identifier, f"key {self.identifier}"
            )
        if self.kind == _WRAPPED:
            return f"wrapped by key {self.identifier}: {self.ciphered.hex()}"
        return f"agreed by parameters {self.parameters.hex()}: {self.ciphered.hex()}"

    @property
    def is_global_unicast(self) -> bool:
        """Whether it names the global unicast key, which both ends hold."""
        return (self.kind, self.identifier) == (_IDENTIFIED, 0)

    def encode(self) -> bytes:
        """Return the choice byte and its fields."""
        ciphered = axdr.encode_length(len(self.ciphered)) + self.ciphered
        if self.kind == _IDENTIFIED:
            return bytes((_IDENTIFIED, self.identifier))
        if self.kind == _WRAPPED:
            return bytes((_WRAPPED, self.identifier)) + ciphered
        return bytes((_AGREED,)) + axdr.encode_length(len(self.parameters)) + self.parameters + ciphered


@dataclass(frozen=True, slots=True)
class GeneralCiphered:
    """general-ciphering: an APDU under a key that the message names, or that was agreed before."""

    fields: MessageFields
    key_info: KeyInfo | None
    control: SecurityControl
    counter: int
    payload: bytes

    @property
    def system_title(self) -> bytes:
        """The originator's system title, which is in the nonce."""
        return self.fields.originator

    @property
    def authenticated_header(self) -> bytes:
        """The bytes that are authenticated beside security control, key and text: the message's header."""
        return self.fields.encode()

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        key_info = b"\x00" if self.key_info is None else b"\x01" + self.key_info.encode()
        content = _encode_content(self.control, self.counter, self.payload)
        return b"".join(
            (
                bytes((GENERAL_CIPHERING_TAG,)),
                self.fields.encode(),
                key_info,
                axdr.encode_length(len(content)),
                content,
            )
        )


@dataclass(frozen=True, slots=True)
class GeneralSigned:
    """general-signing: an APDU with an ECDSA signature over it and the message's header. Not verified here."""

    fields: MessageFields
    content: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        content = axdr.encode_length(len(self.content)) + self.content
        signature = axdr.encode_length(len(self.signature)) + self.signature
        return bytes((GENERAL_SIGNING_TAG,)) + self.fields.encode() + content + signature


Ciphered = GlobalCiphered | GeneralGloCiphered | GeneralCiphered


def under_dedicated_key(apdu: Ciphered) -> bool:
    """Whether the dedicated key of the association protects an APDU."""
    return apdu.dedicated if isinstance(apdu, GlobalCiphered) else isinstance(apdu, GeneralDedCiphered)


def decode_general_ciphering(cursor: Cursor) -> GeneralCiphered:
    """Decode general-ciphering from behind its tag; raises DecodeError."""
    fields = _decode_fields(cursor)
    key_info = _decode_key_info(cursor) if cursor.optional("key info") else None
    return GeneralCiphered(fields, key_info, *_decode_content(cursor))


def decode_general_signing(cursor: Cursor) -> GeneralSigned:
    """Decode general-signing from behind its tag; raises DecodeError."""
    return GeneralSigned(_decode_fields(cursor), cursor.octets("signed content"), cursor.octets("signature"))


def _decode_fields(cursor: Cursor) -> MessageFields:
    return MessageFields(
        cursor.octets("transaction id"),
        _decode_title(cursor),
        _decode_title(cursor),
        cursor.octets("date-time"),
        cursor.octets("other information"),
    )


def _decode_key_info(cursor: Cursor) -> KeyInfo:
    kind = cursor.byte("key info")
    if kind == _IDENTIFIED:
        return KeyInfo(kind, cursor.byte("key id"))
    if kind == _WRAPPED:
        return KeyInfo(kind, cursor.byte("id of the wrapping key"), ciphered=cursor.octets("wrapped key"))
    if kind == _AGREED:
        parameters = cursor.octets("key parameters")
        return KeyInfo(kind, parameters=parameters, ciphered=cursor.octets("key ciphered data"))
    raise unknown_choice(cursor, "key info", kind)


def decode_service(tag: int, cursor: Cursor) -> GlobalCiphered:
    """Decode a glo- or ded- service from behind its tag; raises DecodeError."""
    return GlobalCiphered(tag, *_decode_content(cursor))


def decode_general_glo(cursor: Cursor) -> GeneralGloCiphered:
    """Decode general-glo-ciphering from behind its tag; raises DecodeError."""
    return GeneralGloCiphered(_decode_title(cursor), *_decode_content(cursor))


def decode_general_ded(cursor: Cursor) -> GeneralDedCiphered:
    """Decode general-ded-ciphering from behind its tag; raises DecodeError."""
    return GeneralDedCiphered(_decode_title(cursor), *_decode_content(cursor))


def _decode_title(cursor: Cursor) -> bytes:
    start = cursor.pos
    title = cursor.octets("system title")
    if len(title) not in (0, security.SYSTEM_TITLE_LENGTH):
        raise DecodeError(f"a system title of {len(title)} bytes, not 8", offset=start)
    return title


def _decode_content(cursor: Cursor) -> tuple[SecurityControl, int, bytes]:
    start = cursor.pos
    size = cursor.length("ciphered content")
    if size > cursor.left:
        raise DecodeError(f"ciphered content: {size} bytes are due, {cursor.left} are left", offset=start)
    if size < 5:
        raise DecodeError(f"{size} bytes do not hold a security header", offset=start)
    control = SecurityControl.from_byte(cursor.byte("security control"))
    counter = cursor.uint(4, "invocation counter")
    return control, counter, cursor.take(size - 5, "ciphered content")


def _encode_content(control: SecurityControl, counter: int, payload: bytes) -> bytes:
    return bytes((control.to_byte(),)) + counter.to_bytes(4) + payload
