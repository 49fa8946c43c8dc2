"""The description of an APDU: its fields, each for JSON and for people, and values in words."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from urja.cosem.axdr import Data
from urja.cosem.errors import DecodeError
from urja.cosem.readings import plain
from urja.cosem.time import CosemDateTime, DeviationSign


@dataclass(frozen=True, slots=True)
class Fact:
    """One field of an APDU.

    `plain` is what JSON carries, `text` what people read. `data` is a value to be shown as a tree, `members`
    are labels with the values or texts of a list.
    """

    key: str
    plain: Any
    text: str = ""
    data: Data | None = None
    members: tuple[tuple[str, Data | str], ...] = ()


def octets_text(raw: bytes) -> str:
    """Return bytes as people read them: 0x and the digits."""
    return f"0x{raw.hex()}" if raw else "(no bytes)"


@dataclass(slots=True)
class Description:
    """A service and its fields, in the order of the APDU."""

    service: str
    facts: list[Fact] = field(default_factory=list)

    def add(self, key: str, value: Any, text: str | None = None) -> "Description":
        """Append a plain field, and return self."""
        self.facts.append(Fact(key, value, str(value) if text is None else text))
        return self

    def octets(self, key: str, raw: bytes) -> "Description":
        """Append bytes without a meaning of their own, and return self.

        People read them behind 0x, as digits alone would look like a number.
        """
        return self.add(key, raw.hex(), octets_text(raw))

    def code(self, key: str, code: IntEnum) -> "Description":
        """Append a code, and return self."""
        return self.add(key, int(code), code_text(code))

    def value(self, key: str, data: Data) -> "Description":
        """Append a field that is COSEM data, and return self."""
        self.facts.append(Fact(key, plain(data), data=data))
        return self


def clock_text(clock: CosemDateTime) -> str:
    """Return a date-time with its deviation and status in words, in the standard's sense of the sign."""
    parts = [str(clock)]
    if clock.deviation_min != -0x8000:
        parts.append(f"deviation {clock.deviation_min:+d} min")
    status = clock.clock_status
    if status is not None and status:
        parts.append(
            "status " + ", ".join(flag.name.lower().replace("_", " ") for flag in status if flag.name)
        )
    return ", ".join(parts)


def utc_text(clock: CosemDateTime) -> str:
    """Return the instant in UTC as text, "" where the date-time is none or has no deviation."""
    if clock.deviation_min == -0x8000:
        return ""
    try:
        # +330 in the standard's sense would be a time zone in the Pacific: it is how Indian meters write IST.
        sign = DeviationSign.INDIAN if clock.deviation_min == 330 else DeviationSign.DLMS
        return clock.to_utc(sign).strftime("%Y-%m-%d %H:%M:%SZ")
    except DecodeError:
        return ""


def numbered(number: int, name: str | None) -> str:
    """Return a number with its name in brackets, where it has one."""
    return f"{number}" if name is None else f"{number} ({name})"


def words_of(code: IntEnum) -> str:
    """Return the name of a code in words."""
    return code.name.lower().replace("_", " ")


def code_text(code: IntEnum) -> str:
    """Return a code as people read it: its number, and its name in words."""
    return numbered(int(code), words_of(code))
