"""Protected APDUs (IEC 62056-5-3, 5.3.6): glo-/ded- of each service, general-glo, general-ded, general-ciphering and
general-signing.
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
"""Tag of a plain service to the tag of its glo- form."""

DEDICATED_TAG_OF: Final = {
    plain: 0x40 | plain if plain < 0x20 else glo + 8 for plain, glo in GLOBAL_TAG_OF.items()
}
"""Tag of a plain service to the tag of its ded- form."""

CIPHERED_TAGS: Final = frozenset(GLOBAL_TAG_OF.values()) | frozenset(DEDICATED_TAG_OF.values())

_FROM_SERVERS: Final = (0x08, 0x0C, 0x0D, 0x0E, 0x18, 0xC2, 0xC4, 0xC5, 0xC7)
SERVER_TAGS: Final = frozenset(
    tags[plain] for tags in (GLOBAL_TAG_OF, DEDICATED_TAG_OF) for plain in _FROM_SERVERS
)
"""Tags of ciphered services that a server sends: the title in their nonce is the meter's."""

_PLAIN_TAG_OF: Final = {glo: plain for plain, glo in GLOBAL_TAG_OF.items()} | {
    ded: plain for plain, ded in DEDICATED_TAG_OF.items()
}


@dataclass(frozen=True, slots=True)
class GlobalCiphered:
    """A service under the global (or dedicated) key. `payload` is text and tag as `security.seal` gives it."""

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
        """The glo- or ded- form of a plain APDU; LocalError for a service that has none (use the general one)."""
        tags = DEDICATED_TAG_OF if dedicated else GLOBAL_TAG_OF
        tag = tags.get(apdu[0]) if apdu else None
        if tag is None:
            raise LocalError(f"no glo- or ded- form of APDU {apdu[:1].hex()}")
        return cls(tag, control, counter, security.seal(keys, system_title, counter, control, apdu))

    @property
    def authenticated_header(self) -> bytes:
        """What is authenticated beside control, key and text: nothing here."""
        return b""

    @property
    def dedicated(self) -> bool:
        """Whether the dedicated key of the association was used."""
        return self.tag not in GLOBAL_TAG_OF.values()

    def open(self, keys: SuiteKeys, system_title: bytes) -> bytes:
        """The plain APDU; `system_title` is the sender's.

        Raises AuthenticationError, or DecodeError where another service comes out than the tag announces
        (without authentication that is how a wrong key shows).
        """
        apdu = security.open_(keys, system_title, self.counter, self.control, self.payload)
        if not apdu or apdu[0] != _PLAIN_TAG_OF[self.tag]:
            raise DecodeError(
                f"APDU {apdu[:1].hex() or 'of no bytes'} inside ciphering 0x{self.tag:02x}: a wrong key?"
            )
        return apdu

    def encode(self) -> bytes:
        """The APDU."""
        content = _encode_content(self.control, self.counter, self.payload)
        return bytes((self.tag,)) + axdr.encode_length(len(content)) + content


@dataclass(frozen=True, slots=True)
class GeneralGloCiphered:
    """Any APDU under the global key, with the sender's system title (empty where it is known before)."""

    system_title: bytes
    control: SecurityControl
    counter: int
    ciphertext: bytes

    TAG = GENERAL_GLO_TAG

    @property
    def payload(self) -> bytes:
        """Text and tag, as `security.seal` gives them."""
        return self.ciphertext

    @property
    def authenticated_header(self) -> bytes:
        """What is authenticated beside control, key and text: nothing here."""
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
        """The general form of a plain APDU."""
        ciphertext = security.seal(keys, system_title, counter, control, apdu)
        return cls(system_title, control, counter, ciphertext)

    def open(self, keys: SuiteKeys, system_title: bytes | None = None) -> bytes:
        """The plain APDU. `system_title` is used where the APDU carries none.

        Raises AuthenticationError; LocalError where there is no title at all.
        """
        title = self.system_title or system_title
        if not title:
            raise LocalError("the APDU carries no system title, and none is given")
        return security.open_(keys, title, self.counter, self.control, self.ciphertext)

    def encode(self) -> bytes:
        """The APDU."""
        content = _encode_content(self.control, self.counter, self.ciphertext)
        title = axdr.encode_length(len(self.system_title)) + self.system_title
        return bytes((self.TAG,)) + title + axdr.encode_length(len(content)) + content


@dataclass(frozen=True, slots=True)
class GeneralDedCiphered(GeneralGloCiphered):
    """The same under the dedicated key."""

    TAG = GENERAL_DED_TAG


@dataclass(frozen=True, slots=True)
class MessageFields:
    """What general-ciphering and general-signing say of a message, as it stands there (any field may be empty)."""

    transaction_id: bytes
    originator: bytes
    """System title of who has protected it."""
    recipient: bytes
    date_time: bytes
    other_information: bytes

    def encode(self) -> bytes:
        """The five octet strings with their lengths: also what ciphering authenticates of them."""
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
    """Key-Info: which key a message is under. `kind` 0 identified, 1 wrapped, 2 agreed."""

    kind: int
    identifier: int = 0
    """Of an identified key 0 global unicast, 1 global broadcast; of a wrapped one what wraps it, 0 the master key."""
    parameters: bytes = b""
    ciphered: bytes = b""

    @property
    def words(self) -> str:
        """What it says, for people."""
        if self.kind == _IDENTIFIED:
            return {0: "global unicast key", 1: "global broadcast key"}.get(
                self.identifier, f"key {self.identifier}"
            )
        if self.kind == _WRAPPED:
            return f"wrapped by key {self.identifier}: {self.ciphered.hex()}"
        return f"agreed by parameters {self.parameters.hex()}: {self.ciphered.hex()}"

    @property
    def is_global_unicast(self) -> bool:
        """Whether it names the key that both ends have anyway."""
        return (self.kind, self.identifier) == (_IDENTIFIED, 0)

    def encode(self) -> bytes:
        """The choice and its fields."""
        ciphered = axdr.encode_length(len(self.ciphered)) + self.ciphered
        if self.kind == _IDENTIFIED:
            return bytes((_IDENTIFIED, self.identifier))
        if self.kind == _WRAPPED:
            return bytes((_WRAPPED, self.identifier)) + ciphered
        return bytes((_AGREED,)) + axdr.encode_length(len(self.parameters)) + self.parameters + ciphered


@dataclass(frozen=True, slots=True)
class GeneralCiphered:
    """general-ciphering: any APDU under a key that the message names, or that was agreed before."""

    fields: MessageFields
    key_info: KeyInfo | None
    control: SecurityControl
    counter: int
    payload: bytes

    @property
    def system_title(self) -> bytes:
        """Of the originator: it is in the nonce."""
        return self.fields.originator

    @property
    def authenticated_header(self) -> bytes:
        """What is authenticated beside control, key and text: what the message says of itself."""
        return self.fields.encode()

    def encode(self) -> bytes:
        """The APDU."""
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
    """general-signing: any APDU with a signature (ECDSA) over it and what the message says of itself."""

    fields: MessageFields
    content: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The APDU."""
        content = axdr.encode_length(len(self.content)) + self.content
        signature = axdr.encode_length(len(self.signature)) + self.signature
        return bytes((GENERAL_SIGNING_TAG,)) + self.fields.encode() + content + signature


Ciphered = GlobalCiphered | GeneralGloCiphered | GeneralCiphered


def under_dedicated_key(apdu: Ciphered) -> bool:
    """Whether the dedicated key of the association protects an APDU."""
    return apdu.dedicated if isinstance(apdu, GlobalCiphered) else isinstance(apdu, GeneralDedCiphered)


def decode_general_ciphering(cursor: Cursor) -> GeneralCiphered:
    """What follows the tag."""
    fields = _decode_fields(cursor)
    key_info = _decode_key_info(cursor) if cursor.optional("key info") else None
    return GeneralCiphered(fields, key_info, *_decode_content(cursor))


def decode_general_signing(cursor: Cursor) -> GeneralSigned:
    """What follows the tag."""
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
    """What follows the tag of a glo- or ded- service."""
    return GlobalCiphered(tag, *_decode_content(cursor))


def decode_general_glo(cursor: Cursor) -> GeneralGloCiphered:
    """What follows the tag of general-glo-ciphering."""
    return GeneralGloCiphered(_decode_title(cursor), *_decode_content(cursor))


def decode_general_ded(cursor: Cursor) -> GeneralDedCiphered:
    """What follows the tag of general-ded-ciphering."""
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
