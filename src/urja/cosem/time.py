"""COSEM date-time, date and time (Blue Book 4.1.6.1), with every field as read.

Each byte that a meter writes is preserved, valid or not, so that a value can be written back and shown
unchanged; only the conversion to UTC requires a real instant.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, IntFlag
from typing import Self

from urja.cosem.errors import DecodeError, LocalError

NOT_SPECIFIED = 0xFF
"""Value of a one-byte field (month, day, hour, status ...) that the sender does not give."""
YEAR_NOT_SPECIFIED = 0xFFFF
DEVIATION_NOT_SPECIFIED = -0x8000
"""Value of the deviation, in minutes, of a clock that does not know its time zone."""

_DATE_TIME = struct.Struct(">HBBBBBBBhB")
_DATE = struct.Struct(">HBBB")
_MINUTES_PER_DAY = 1440


class ClockStatus(IntFlag):
    """The bits of the clock status byte; reserved bits are preserved."""

    INVALID_VALUE = 0x01
    DOUBTFUL_VALUE = 0x02
    DIFFERENT_CLOCK_BASE = 0x04
    INVALID_STATUS = 0x08
    DAYLIGHT_SAVING = 0x80


class DeviationSign(Enum):
    """The meaning of a positive deviation, which is a property of the meter type."""

    DLMS = "dlms"
    """UTC = local time + deviation, as the Blue Book defines it (Paris in winter: -60 minutes)."""
    INDIAN = "indian"
    """UTC = local time - deviation, as Indian meters are seen to write it (IST: +330 minutes)."""


@dataclass(frozen=True, slots=True)
class CosemDateTime:
    """A COSEM date-time of twelve bytes, field by field as read.

    `year` 0xFFFF, other fields 0xFF and `deviation_min` -32768 mean *not specified*. `weekday` 1 is Monday,
    `hundredths` are of a second, `deviation_min` minutes (see `DeviationSign`).
    """

    year: int
    month: int
    day: int
    weekday: int = NOT_SPECIFIED
    hour: int = NOT_SPECIFIED
    minute: int = NOT_SPECIFIED
    second: int = NOT_SPECIFIED
    hundredths: int = NOT_SPECIFIED
    deviation_min: int = DEVIATION_NOT_SPECIFIED
    status: int = NOT_SPECIFIED

    @classmethod
    def from_bytes(cls, raw: bytes | bytearray | memoryview, offset: int = 0) -> Self:
        """Return the date-time in the twelve bytes at `offset`; raises DecodeError where fewer are left."""
        if len(raw) - offset < _DATE_TIME.size:
            raise DecodeError(f"a date-time takes 12 bytes, {len(raw) - offset} are left", offset=offset)
        return cls(*_DATE_TIME.unpack_from(raw, offset))

    @classmethod
    def from_utc(
        cls,
        moment: datetime,
        *,
        deviation_min: int = 0,
        sign: DeviationSign = DeviationSign.DLMS,
        status: int = 0,
    ) -> Self:
        """Return the local date-time that a clock with this deviation shows at the aware instant `moment`.

        `deviation_min` is in minutes under `sign`. The weekday is filled in; hundredths of a second are
        truncated. Raises LocalError for a naive datetime.
        """
        if moment.tzinfo is None:
            raise LocalError("a naive datetime names no instant: give it a time zone")
        local = moment.astimezone(UTC) - _utc_minus_local(deviation_min, sign)
        return cls(
            local.year,
            local.month,
            local.day,
            local.isoweekday(),
            local.hour,
            local.minute,
            local.second,
            local.microsecond // 10_000,
            deviation_min,
            status,
        )

    def to_bytes(self) -> bytes:
        """Return the twelve bytes; raises LocalError where a field does not fit its width."""
        try:
            return _DATE_TIME.pack(
                self.year,
                self.month,
                self.day,
                self.weekday,
                self.hour,
                self.minute,
                self.second,
                self.hundredths,
                self.deviation_min,
                self.status,
            )
        except struct.error as error:
            raise LocalError(f"not a date-time that fits 12 bytes: {self!r}") from error

    @property
    def clock_status(self) -> ClockStatus | None:
        """The status bits; None where the clock does not give them (0xFF)."""
        return None if self.status == NOT_SPECIFIED else ClockStatus(self.status)

    def to_utc(
        self, sign: DeviationSign = DeviationSign.DLMS, default_deviation_min: int | None = None
    ) -> datetime:
        """Return the instant in UTC; seconds and hundredths that are not specified count as zero.

        `default_deviation_min`, in minutes under the same sign, is used where the deviation is not specified.
        Raises DecodeError for wildcards in the fields from year to minute, for a date that does not exist,
        for a deviation beyond a day, and where neither the clock nor the caller gives a deviation.
        """
        deviation_min: int | None = self.deviation_min
        if deviation_min == DEVIATION_NOT_SPECIFIED:
            deviation_min = default_deviation_min
        if deviation_min is None:
            raise DecodeError("the clock does not specify its deviation", offset=9)
        if abs(deviation_min) > _MINUTES_PER_DAY:
            raise DecodeError(f"a deviation of {deviation_min} minutes is beyond a day", offset=9)
        return self._local() + _utc_minus_local(deviation_min, sign)

    def _local(self) -> datetime:
        second = 0 if self.second == NOT_SPECIFIED else self.second
        hundredths = 0 if self.hundredths == NOT_SPECIFIED else self.hundredths
        try:
            local = datetime(
                self.year, self.month, self.day, self.hour, self.minute, second, hundredths * 10_000, UTC
            )
        except ValueError as error:
            raise DecodeError(f"{self} is not one moment: {error}", offset=0) from error
        # Two years of distance to the ends of Python's calendar: subtracting a deviation, or showing the
        # instant in another time zone, must not overflow.
        if not 2 <= self.year <= 9997:
            raise DecodeError(f"{self} is too far from our time to convert", offset=0)
        return local

    def __str__(self) -> str:
        date = _date_text(self.year, self.month, self.day)
        time = ":".join(_field_text(part) for part in (self.hour, self.minute, self.second))
        return f"{date} {time}"


@dataclass(frozen=True, slots=True)
class CosemDate:
    """A COSEM date of five bytes as read; wildcards are those of `CosemDateTime`."""

    year: int
    month: int
    day: int
    weekday: int = NOT_SPECIFIED

    @classmethod
    def from_bytes(cls, raw: bytes | bytearray | memoryview, offset: int = 0) -> Self:
        """Return the date in the five bytes at `offset`; raises DecodeError where fewer are left."""
        if len(raw) - offset < _DATE.size:
            raise DecodeError(f"a date takes 5 bytes, {len(raw) - offset} are left", offset=offset)
        return cls(*_DATE.unpack_from(raw, offset))

    def to_bytes(self) -> bytes:
        """Return the five bytes; raises LocalError where a field does not fit its width."""
        try:
            return _DATE.pack(self.year, self.month, self.day, self.weekday)
        except struct.error as error:
            raise LocalError(f"not a date that fits 5 bytes: {self!r}") from error

    def __str__(self) -> str:
        return _date_text(self.year, self.month, self.day)


@dataclass(frozen=True, slots=True)
class CosemTime:
    """A COSEM time of day of four bytes as read; 0xFF is *not specified*."""

    hour: int
    minute: int
    second: int = NOT_SPECIFIED
    hundredths: int = NOT_SPECIFIED

    @classmethod
    def from_bytes(cls, raw: bytes | bytearray | memoryview, offset: int = 0) -> Self:
        """Return the time in the four bytes at `offset`; raises DecodeError where fewer are left."""
        if len(raw) - offset < 4:
            raise DecodeError(f"a time takes 4 bytes, {len(raw) - offset} are left", offset=offset)
        return cls(raw[offset], raw[offset + 1], raw[offset + 2], raw[offset + 3])

    def to_bytes(self) -> bytes:
        """Return the four bytes; raises LocalError where a field does not fit its width."""
        try:
            return bytes((self.hour, self.minute, self.second, self.hundredths))
        except ValueError as error:
            raise LocalError(f"not a time that fits 4 bytes: {self!r}") from error

    def __str__(self) -> str:
        return ":".join(_field_text(part) for part in (self.hour, self.minute, self.second))


def _utc_minus_local(deviation_min: int, sign: DeviationSign) -> timedelta:
    return timedelta(minutes=deviation_min if sign is DeviationSign.DLMS else -deviation_min)


def _date_text(year: int, month: int, day: int) -> str:
    year_text = "****" if year == YEAR_NOT_SPECIFIED else f"{year:04d}"
    return f"{year_text}-{_field_text(month)}-{_field_text(day)}"


def _field_text(field: int) -> str:
    return "**" if field == NOT_SPECIFIED else f"{field:02d}"
