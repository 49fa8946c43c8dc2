"""What a society's columns are called, in English and Hindi, and which field a heading means."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from urja.core.sheets.cells import CellError, read_email, read_phone, text_of, with_ascii_digits
from urja.core.sheets.grid import Cell

KEYS: Final = "keys"
"""The field of a column with keys of meters: it is never read."""
PASSED_OVER: Final = ""
"""The field of a column that is known and means nothing here: a row number, an area, a remark."""

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "flat": (
        "flat no", "flat", "flat shop no", "unit no", "unit", "apartment no", "apartment", "apt no", "house no", "door no",
        "shop no", "villa no", "quarter no", "फ्लैट no", "फ्लैट", "मकान no", "घर no", "दुकान no", "इकाई no", "सदनिका no",
    ),
    "tower": ("tower", "tower no", "block", "block no", "wing", "building", "building no", "टावर", "ब्लॉक", "विंग", "इमारत"),
    "consumer_number": (
        "consumer no", "consumer id", "ca no", "connection no", "service no", "rr no", "k no",
        "उपभोक्ता no", "खाता no", "कनेक्शन no", "संयोजन no",
    ),
    "person_name": (
        "name", "resident name", "resident", "occupant name", "occupant", "occupier", "member name", "member", "consumer name",
        "tenant name", "tenant", "owner tenant name", "owner tenant", "allottee", "allottee name",
        "नाम", "निवासी नाम", "निवासी", "सदस्य नाम", "सदस्य", "उपभोक्ता नाम", "किरायेदार नाम", "किरायेदार", "किराएदार नाम", "किराएदार",
        "मालिक किरायेदार नाम",
    ),
    "owner_name": (
        "owner name", "owner", "flat owner", "landlord", "landlord name", "मालिक नाम", "मालिक", "स्वामी नाम", "स्वामी", "गृहस्वामी",
    ),
    "phone": (
        "mobile", "mobile no", "phone", "phone no", "contact", "contact no", "whatsapp", "whatsapp no", "मोबाइल", "मोबाइल no",
        "मोबाईल", "मोबाईल no", "मो no", "फोन", "फोन no", "दूरभाष", "दूरभाष no", "संपर्क", "संपर्क no", "सम्पर्क no",
    ),
    "email": ("email", "email id", "e mail", "e mail id", "mail id", "email address", "ईमेल", "ई मेल", "ईमेल पता"),
    "meter_serial": (
        "meter no", "meter sr no", "meter sr", "sr no meter", "energy meter no", "meter id", "मीटर no", "मीटर सीरियल no", "मीटर सीरियल",
    ),
    "load": (
        "load", "sanctioned load", "sanc load", "connected load", "sl", "load kw", "स्वीकृत भार", "भार", "लोड", "स्वीकृत लोड",
        "संयोजित भार",
    ),
    "since": (
        "possession date", "date possession", "possession", "move in date", "move in", "occupancy date", "date occupancy",
        "date connection", "connection date", "agreement date", "since", "from date", "start date", "residing since",
        "कब्जा तिथि", "कब्जा date", "प्रवेश date", "date", "कब से",
    ),
    "installed_at": (
        "meter date", "date installation", "installation date", "meter installation date", "meter installed on", "स्थापना date",
        "मीटर स्थापना date",
    ),
    "register": (
        "initial reading", "opening reading", "meter reading", "reading", "present reading", "reading kwh", "kwh reading",
        "प्रारंभिक रीडिंग", "रीडिंग", "मीटर रीडिंग",
    ),
    "tariff": ("tariff", "tariff code", "tariff category", "rate category", "टैरिफ", "दर"),
    "balance": (
        "opening balance", "balance", "balance as on", "outstanding", "dues", "arrears", "advance", "credit balance",
        "amount due", "previous dues", "outstanding amount", "closing balance", "शेष", "बकाया", "प्रारंभिक शेष", "पिछला बकाया",
        "जमा शेष", "अग्रिम", "बकाया राशि", "शेष राशि",
    ),
    "deposit": ("deposit", "security deposit", "sec deposit", "security", "जमानत", "जमानत राशि", "सुरक्षा राशि", "प्रतिभूति"),
    "address": ("address", "postal address", "correspondence address", "पता", "डाक पता", "पत्राचार पता"),
    "pin_code": ("pin", "pin code", "pincode", "पिन", "पिन कोड", "पिनकोड"),
    "language": ("language", "भाषा"),
    KEYS: (
        "guek", "gak", "master key", "hls secret", "encryption key", "authentication key", "meter key", "meter keys", "key",
        "keys", "ek", "ak", "system title key", "password", "कुंजी", "मीटर कुंजी",
    ),
    PASSED_OVER: (
        "sr no", "sr", "no", "area", "area sqft", "area sq ft", "carpet area", "built up area", "super area", "sqft", "sq ft",
        "remark", "remarks", "note", "notes", "floor", "floor no", "parking", "parking no", "status", "type", "flat type", "bank",
        "bank name", "bank account no", "account no", "society", "society name", "father name", "nominee", "vehicle no", "family",
        "क्षेत्रफल", "टिप्पणी", "मंजिल", "मंजिल no", "पार्किंग", "स्थिति", "सोसाइटी", "पिता नाम", "बैंक", "fault", "remedy", "fault row",
    ),
}  # fmt: skip
"""The phrases of each field, in the words that `_words` makes of a heading."""

MONEY: Final = frozenset({"balance", "deposit"})

_SAME: Final = {
    **dict.fromkeys(
        ("no", "nos", "number", "num", "nr", "नं", "नंबर", "नम्बर", "संख्या", "क्रमांक", "सं", "क्र"), "no"
    ),
    **dict.fromkeys(("sr", "serial", "sl", "s", "srno", "sno", "slno"), "sr"),
    **dict.fromkeys(("mob", "mobile", "cell", "mobileno"), "mobile"),
    **dict.fromkeys(("ph", "tel", "telephone", "phone"), "phone"),
    **dict.fromkeys(("mtr", "meter"), "meter"),
    **dict.fromkeys(("bal", "balance"), "balance"),
    **dict.fromkeys(("op", "opg", "opening", "opn"), "opening"),
    **dict.fromkeys(("bldg", "building"), "building"),
    **dict.fromkeys(("apt", "appt"), "apt"),
    **dict.fromkeys(("h", "hno"), "house"),
    **dict.fromkeys(("qtr", "quarter"), "quarter"),
    **dict.fromkeys(("emailid", "mailid"), "email"),
    **dict.fromkeys(("dt", "date", "doi", "dated", "तिथि", "तारीख", "दिनांक"), "date"),
    **dict.fromkeys(("sanc", "sanctioned", "sanction"), "sanctioned"),
    **dict.fromkeys(("cust", "customer", "consumer"), "consumer"),
    **dict.fromkeys(("flatno",), "flat"),
    **dict.fromkeys(("names",), "name"),
    **dict.fromkeys(("फ्लेट", "फ़्लैट", "फ्लॅट"), "फ्लैट"),
    **dict.fromkeys(("फ़ोन",), "फोन"),
    **dict.fromkeys(("क़ब्ज़ा", "कब्ज़ा", "कब्जे", "कब्ज़े"), "कब्जा"),
    **dict.fromkeys(("टॉवर",), "टावर"),
    **dict.fromkeys(("ज़मानत",), "जमानत"),
    "dep": "deposit",
    "o": "opening",
    "b": "balance",
}
_STOP: Final = frozenset(
    [
        "of",
        "the",
        "a",
        "an",
        "in",
        "on",
        "as",
        "at",
        "per",
        "rs",
        "inr",
        "and",
        "का",
        "की",
        "के",
        "में",
        "से",
        "को",
        "rupees",
        "₹",
        "detail",
        "details",
        "info",
        "विवरण",
    ]
)
_UNITS: Final = frozenset({"kw", "w", "kva", "watts", "kwh", "wh", "rs", "cr", "dr"})


def _words(heading: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFC", with_ascii_digits(heading)).casefold()
    found = [word for word in re.split(r"[^\w\u0900-\u097f]+|_", text) if word]
    found = [_SAME.get(word, word) for word in found]
    if found[:2] == ["क्र", "no"] or found == ["no", "no"]:
        return ("sr", "no")
    named = [word for word in found if word not in _STOP and not re.fullmatch(r"\d+", word)]
    # "Name of Owner" is "Owner Name".
    return tuple([*named[1:], "name"] if named[:1] == ["name"] else named)


_PHRASES: Final = [
    (tuple(_words(phrase)) or (phrase,), field) for field, phrases in FIELDS.items() for phrase in phrases
]


@lru_cache(maxsize=4096)
def field_of(heading: str) -> tuple[str | None, int]:
    """Return the field that a heading means, None for an unknown one, and how well it fits, from 0 to 100."""
    words = _words(heading)
    named = tuple(word for word in words if word not in _UNITS)
    best: tuple[int, str | None] = (0, None)
    # Where two fit alike, what is passed over goes before what is read: "Flat Area" is no flat.
    for phrase, field in _PHRASES:
        if phrase in (words, named):
            fit = 100
        elif len(phrase) <= len(named) and any(
            named[at : at + len(phrase)] == phrase for at in range(len(named) - len(phrase) + 1)
        ):
            fit = max(20, 50 + 15 * len(phrase) - 10 * (len(named) - len(phrase)))
        else:
            continue
        best = max(best, (fit, field), key=lambda one: (one[0], one[1] in {KEYS, PASSED_OVER}))
    return best[1], best[0]


@dataclass(frozen=True, slots=True)
class Column:
    """A column below the heading."""

    place: int
    """Counts from 0."""
    heading: str
    last: str
    """The heading of its lowest row alone."""


def guess(columns: Sequence[Column], samples: Sequence[Sequence[Cell]]) -> dict[str, str]:
    """Return the heading of each field, as far as headings or, for telephone and e-mail, their cells show it.

    `samples` has some cells of each column. Columns of keys are not in it: `key_columns` names them.
    """
    found: list[tuple[int, int, int, str, str]] = []
    for column, cells in zip(columns, samples, strict=True):
        filled = sum(1 for cell in cells if text_of(cell))
        for text, less in ((column.heading, 0), (column.last, 1)):
            field, fit = field_of(text)
            if field and field != KEYS:
                found.append(
                    (fit - less + _of_resident(column), filled, -column.place, field, column.heading)
                )
    chosen: dict[str, str] = {}
    for _fit, _filled, _place, field, heading in sorted(found, reverse=True):
        if field not in chosen and heading not in chosen.values():
            chosen[field] = heading
    for field, read in (("email", read_email), ("phone", read_phone)):
        if field in chosen:
            continue
        for column, cells in zip(columns, samples, strict=True):
            known, _ = field_of(column.heading)
            if known is None and column.heading not in chosen.values() and _all_read(read, cells):
                chosen[field] = column.heading
                break
    if "owner_name" in chosen and "person_name" not in chosen:
        chosen["person_name"] = chosen.pop("owner_name")
    return {field: chosen[field] for field in FIELDS if field in chosen}


_RESIDENT: Final = frozenset({"tenant", "resident", "occupant", "किरायेदार", "किराएदार", "निवासी"})


def _of_resident(column: Column) -> int:
    """Return 2 for a column of the person who lives there, whose telephone goes before the owner's."""
    return 2 if _RESIDENT & set(_words(column.heading)) else 0


def key_columns(columns: Sequence[Column]) -> list[Column]:
    """Return the columns that have keys of meters, by their headings."""
    return [
        column
        for column in columns
        if any(field_of(text)[0] == KEYS for text in (column.heading, column.last))
    ]


def _all_read(read: object, cells: Sequence[Cell]) -> bool:
    assert callable(read)
    filled = [cell for cell in cells if text_of(cell)]
    good = 0
    for cell in filled:
        try:
            good += read(cell) is not None
        except CellError:
            continue
    return len(filled) >= 3 and good >= 0.8 * len(filled)


def unit_of(heading: str) -> str:
    """Return the unit of a load that a heading names: `kW` where it names none."""
    words = re.split(r"[^\w]+", heading.casefold())
    return "kva" if "kva" in words else "W" if {"w", "watt", "watts"} & set(words) else "kW"


def meaning_of(heading: str) -> str:
    """Return `owed` or `credit` where a heading of amounts says which of both they are, else an empty text."""
    words = set(_words(heading))
    owed = bool(words & {"outstanding", "dues", "due", "arrears", "बकाया", "dr", "debit", "नामे"})
    credit = bool(words & {"advance", "credit", "prepaid", "cr", "जमा", "अग्रिम"})
    if owed == credit:
        return ""
    return "owed" if owed else "credit"
