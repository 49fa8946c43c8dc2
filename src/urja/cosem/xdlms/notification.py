"""The unsolicited services data-notification (push) and event-notification (Green Book 9.5)."""

from dataclasses import dataclass
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Data, Tag
from urja.cosem.errors import DecodeError, LimitExceededError
from urja.cosem.obis import CosemAttribute
from urja.cosem.time import CosemDateTime
from urja.cosem.xdlms.cursor import Cursor

DATA_NOTIFICATION_TAG: Final = 0x0F
EVENT_NOTIFICATION_TAG: Final = 0xC2

_DATE_TIME_TAGS: Final = (Tag.OCTET_STRING, Tag.DATE_TIME)


@dataclass(frozen=True, slots=True)
class DataNotification:
    """A push. `long_invoke_id` is long-invoke-id-and-priority, 32 bits.

    `date_time_tag` is the A-XDR tag that some meters (Kaifa) write before the date-time, where the standard
    has an untagged octet string; None is the standard's form.
    """

    long_invoke_id: int
    date_time: CosemDateTime | None
    body: Data
    date_time_tag: Tag | None = None

    def encode(self) -> bytes:
        """Return the bytes of the APDU, with the date-time in the form in which it was read.

        Raises LocalError where a value does not fit its type.
        """
        tag = b"" if self.date_time_tag is None else bytes((self.date_time_tag,))
        if self.date_time is None:
            moment = b"\x00"
        elif self.date_time_tag is Tag.DATE_TIME:
            moment = self.date_time.to_bytes()
        else:
            moment = b"\x0c" + self.date_time.to_bytes()
        head = bytes((DATA_NOTIFICATION_TAG,)) + self.long_invoke_id.to_bytes(4)
        return head + tag + moment + axdr.encode(self.body)


@dataclass(frozen=True, slots=True)
class EventNotification:
    """The value of one attribute that the server sends unasked."""

    date_time: CosemDateTime | None
    attribute: CosemAttribute
    value: Data

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        moment = b"\x00" if self.date_time is None else b"\x01\x0c" + self.date_time.to_bytes()
        head = bytes((EVENT_NOTIFICATION_TAG,)) + moment
        return head + self.attribute.encode() + axdr.encode(self.value)


def decode_data_notification(cursor: Cursor) -> DataNotification:
    """Decode a data-notification from behind its tag; raises DecodeError."""
    long_invoke_id = cursor.uint(4, "long invoke id")
    tag = None
    # A length is 0 or 12, so 9 and 25 can only be the tag of an octet string or of a date-time.
    if cursor.left and cursor.buf[cursor.pos] in _DATE_TIME_TAGS:
        tag = Tag(cursor.byte("date-time"))
    if tag is Tag.DATE_TIME:
        moment: CosemDateTime | None = CosemDateTime.from_bytes(cursor.take(12, "date-time"))
    else:
        moment = _decode_date_time(cursor)
    return DataNotification(long_invoke_id, moment, _decode_body(cursor), tag)


def decode_event_notification(cursor: Cursor) -> EventNotification:
    """Decode an event-notification from behind its tag; raises DecodeError."""
    moment = _decode_date_time(cursor) if cursor.optional("time") else None
    return EventNotification(moment, cursor.attribute(), cursor.data())


def _decode_date_time(cursor: Cursor) -> CosemDateTime | None:
    start = cursor.pos
    raw = cursor.octets("date-time")
    if not raw:
        return None
    if len(raw) != 12:
        raise DecodeError(f"a date-time of {len(raw)} bytes, not 12", offset=start)
    return CosemDateTime.from_bytes(raw)


def _decode_body(cursor: Cursor) -> Data:
    start = cursor.pos
    try:
        value = cursor.data()
        cursor.finish("notification body")
    except LimitExceededError:
        raise
    except DecodeError as strict:
        value = _decode_untagged(cursor, start, strict)
    return value


def _decode_untagged(cursor: Cursor, start: int, strict: DecodeError) -> Data:
    """Decode the form with bare attribute descriptors; where that fails too, raise the first error."""
    try:
        value = axdr.decode_all(cursor.buf, offset=start, limits=cursor.limits, untagged_descriptors=True)
    except DecodeError:
        raise strict from None
    cursor.pos = len(cursor.buf)
    return value
