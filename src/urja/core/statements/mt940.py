"""MT940, the statement message of SWIFT (ISO 15022): tags :20: :25: :28C: :60F/M: :61: :86: :62F/M:.

A message is a page; :60M: and :62M: are the balances between pages of one statement. Marks in :61: are C, D, and for
reversals RC (of a credit: it debits) and RD (of a debit: it credits).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from urja.core.statements.fields import amount_minor
from urja.core.statements.references import key_in, utr_in
from urja.core.statements.statement import BankStatement, StatementEntry, one_line, refused_at

_TAG: Final = re.compile(r":(\d{2}[A-Z]?):(.*)", re.DOTALL)
_BALANCE: Final = re.compile(r"([CD])(\d{6})([A-Z]{3})(\d{1,15},\d{0,3})")
_ENTRY: Final = re.compile(
    r"(\d{6})(\d{4})?(R?[CD])([A-Z])?(\d{1,15},\d{0,3})([NSF][A-Z0-9]{3})([^\n]*?)(?://([^\n]*))?(?:\n(.*))?",
    re.DOTALL,
)
_MOST_LINES: Final = 60
_KNOWN: Final = frozenset(
    ("20", "21", "25", "25P", "28", "28C", "60F", "60M", "61", "62F", "62M", "64", "65", "86", "NS")
)


@dataclass(slots=True)
class _Tag:
    line: int
    name: str
    text: str


@dataclass(slots=True)
class _Balance:
    line: int
    on: date
    currency: str
    minor: int


@dataclass(slots=True)
class _Reading:
    """What was read so far, over all pages."""

    account: str = ""
    opening: _Balance | None = None
    closing: _Balance | None = None
    page_minor: int = 0
    """Balance of the page after the entries read so far."""
    in_page: bool = False
    final: bool = False
    entries: list[StatementEntry] = field(default_factory=list)
    pending: tuple[int, re.Match[str]] | None = None
    last_line: int = 1


def is_mt940(text: str) -> bool:
    """Return whether a text begins as an MT940 message does."""
    return re.match(r"\s*(?:\{[^\n]*)?\s*:20:", text) is not None


def parse_mt940(text: str) -> BankStatement:
    """Return the statement of all pages of a file, which are of one account. Raises StatementError."""
    reading = _Reading()
    for tag in _tags(text):
        if tag.name not in _KNOWN:
            raise refused_at(
                tag.line, f"the tag :{tag.name}: is not one of MT940: export the statement again"
            )
        reading.last_line = tag.line
        _take(reading, tag)
    _flush(reading, "")
    if reading.opening is None or reading.closing is None:
        raise refused_at(
            reading.last_line, "the statement has no opening and closing balance (:60F: and :62F:)"
        )
    if reading.in_page:
        raise refused_at(
            reading.last_line, "the last page has no closing balance (:62F:): the file is cut off"
        )
    if not reading.final:
        raise refused_at(
            reading.last_line, "pages follow that the file does not have (:62M: is no closing balance)"
        )
    days = [entry.booked_on for entry in reading.entries]
    return BankStatement(
        "mt940",
        reading.account,
        reading.opening.currency,
        min([reading.opening.on, *days]),
        max([reading.closing.on, *days]),
        reading.opening.minor,
        reading.closing.minor,
        tuple(reading.entries),
    )


def _tags(text: str) -> Iterator[_Tag]:
    current: _Tag | None = None
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = raw.rstrip()
        # The envelope of SWIFT: {1:...}{2:...}{4: before a message, -} after it.
        opened = re.match(r"\{1:.*?\{4:$|\{4:$", line)
        if opened or line in ("-", "-}", "") or re.match(r"-\}(\{5:.*)?$", line):
            continue
        found = _TAG.match(line)
        if found:
            if current is not None:
                yield current
            current = _Tag(number, found[1], found[2])
        elif current is None:
            raise refused_at(number, f"{line[:40]!r} stands before the first tag: this is no MT940 file")
        else:
            if current.text.count("\n") > _MOST_LINES:
                raise refused_at(number, f"more than {_MOST_LINES} lines under :{current.name}:")
            current.text += "\n" + line
    if current is not None:
        yield current


def _take(reading: _Reading, tag: _Tag) -> None:
    if tag.name == "86":
        _flush(reading, " ".join(tag.text.split("\n")))
        return
    _flush(reading, "")
    match tag.name:
        case "25" | "25P":
            account = tag.text.split("\n")[0].strip()
            if reading.account and account != reading.account:
                raise refused_at(
                    tag.line,
                    f"the file has the accounts {reading.account} and {account}: load one file for each",
                )
            reading.account = account
        case "60F" | "60M":
            _open(reading, _balance(tag))
        case "61":
            if not reading.in_page:
                raise refused_at(tag.line, "an entry stands outside of the opening and closing balance")
            found = _ENTRY.fullmatch(tag.text)
            if found is None:
                raise refused_at(tag.line, f"{tag.text[:60]!r} is not an entry of MT940 (:61:)")
            reading.pending = (tag.line, found)
        case "62F" | "62M":
            _close(reading, _balance(tag), final=tag.name == "62F")
        case _:
            pass


def _open(reading: _Reading, balance: _Balance) -> None:
    if reading.in_page:
        raise refused_at(balance.line, "a page begins before the last one has a closing balance")
    before = reading.closing
    if before is None:
        reading.opening = balance
    elif before.currency != balance.currency:
        raise refused_at(balance.line, f"the currency changes from {before.currency} to {balance.currency}")
    elif before.minor != balance.minor:
        raise refused_at(
            balance.line,
            f"the page does not continue the last one, which ends at {before.minor} and not at {balance.minor} "
            "(minor units): a page is missing",
        )
    reading.page_minor, reading.in_page = balance.minor, True


def _close(reading: _Reading, balance: _Balance, *, final: bool) -> None:
    if not reading.in_page:
        raise refused_at(balance.line, "a closing balance without an opening balance")
    if balance.minor != reading.page_minor:
        raise refused_at(
            balance.line,
            f"the page does not add up: its entries come to {reading.page_minor}, its balance is {balance.minor} "
            f"(minor units), a difference of {balance.minor - reading.page_minor}",
        )
    reading.closing, reading.in_page, reading.final = balance, False, final


def _flush(reading: _Reading, information: str) -> None:
    """Store the entry whose text (:86:) has come, or is not to come."""
    if reading.pending is None:
        return
    line, found = reading.pending
    reading.pending = None
    value, entry, mark, _funds, amount, kind, reference, banks, more = found.groups()
    value_on = _day(line, value)
    sign = -1 if mark in ("D", "RC") else 1
    minor = sign * _amount(line, amount)
    if minor == 0:
        raise refused_at(line, "an entry of zero")
    narration = one_line(kind, reference or "", banks or "", more or "", information)
    own = next((one for one in (reference, banks) if one and utr_in("", one)), "")
    known_by = next((one for one in (reference, banks) if one and key_in("", one)), "")
    reading.entries.append(
        StatementEntry(
            _booked(line, entry, value_on),
            value_on,
            minor,
            narration,
            utr_in(narration, own or ""),
            mark.startswith("R"),
            key_in(narration, known_by),
        )
    )
    reading.page_minor += minor


def _booked(line: int, entry: str | None, value_on: date) -> date:
    """Return the day of booking, whose year is the one nearest to the value date."""
    if entry is None:
        return value_on
    near = [
        found
        for year in (value_on.year - 1, value_on.year, value_on.year + 1)
        if (found := _maybe(year, int(entry[:2]), int(entry[2:]))) is not None
    ]
    best = min(near, key=lambda found: abs(found - value_on), default=None)
    if best is None or abs(best - value_on) > timedelta(days=200):
        raise refused_at(line, f"{entry!r} is not a date (MMDD)")
    return best


def _maybe(year: int, month: int, of_month: int) -> date | None:
    try:
        return date(year, month, of_month)
    except ValueError:
        return None


def _day(line: int, text: str) -> date:
    found = _maybe(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))
    if found is None:
        raise refused_at(line, f"{text!r} is not a date (YYMMDD)")
    return found


def _amount(line: int, text: str) -> int:
    whole, _, part = text.partition(",")
    try:
        return amount_minor(f"{whole}.{part}")
    except ValueError as error:
        raise refused_at(line, str(error)) from None


def _balance(tag: _Tag) -> _Balance:
    found = _BALANCE.fullmatch(tag.text.strip())
    if found is None:
        raise refused_at(tag.line, f"{tag.text[:40]!r} is not a balance (:{tag.name}:)")
    mark, on, currency, amount = found.groups()
    minor = _amount(tag.line, amount)
    return _Balance(tag.line, _day(tag.line, on), currency, minor if mark == "C" else -minor)
