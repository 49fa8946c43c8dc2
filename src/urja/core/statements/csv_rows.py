"""CSV exports of banks' internet pages: columns found by their headings, rows around the table left out.

Headings that are not known here are named by hand: a map of further words, for the same table and the same rows.

Banks put their address above the table and a summary below it; dates, signs and separators differ by bank. What is
left out has neither date nor amount: a row with an amount that cannot be read is refused.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Final

from urja.core.statements import fields
from urja.core.statements.references import key_in, utr_in
from urja.core.statements.statement import (
    BankStatement,
    StatementEntry,
    StatementError,
    one_line,
    refused_at,
)

_HEADINGS: Final = {
    "date": "date txndate trandate transactiondate transdate postdate posteddate postingdate bookingdate bookdate "
    "buchungstag दिनांक तिथि",
    "value": "valuedate valuedt valuedat valdate",
    "narration": "narration description particulars remarks transactionremarks details transactiondetails naration "
    "transactionparticulars transactiondescription विवरण",
    "reference": "chqrefno chqrefnumber refno refnochequeno refchqno chequeno chqno chequerefno chequenumber utr utrno "
    "utrnumber utrrrn rrn reference referenceno referencenumber instrumentid tranid transactionid transactionreference",
    "debit": "debit debits withdrawal withdrawals withdrawalamt withdrawalamount withdrawaldr dr debitamount debitamt "
    "withdrawaldrinr paidout",
    "credit": "credit credits deposit deposits depositamt depositamount depositcr cr creditamount creditamt depositcrinr "
    "paidin",
    "amount": "amount transactionamount txnamount amt",
    "sign": "drcr crdr type transactiontype debitcredit creditdebit txntype",
    "balance": "balance closingbalance availablebalance runningbalance balanceamt balanceamount accountbalance",
}
_UNITS: Final = re.compile(r"\((?:inr|rs\.?|₹|dd/mm/yyyy|dd-mm-yyyy|cr|dr)\)|inr$|\brs\.?$", re.IGNORECASE)


def _bare(heading: str) -> str:
    return re.sub(r"[\W_]", "", _UNITS.sub("", heading.lower()))


_COLUMN: Final = {_bare(word): column for column, words in _HEADINGS.items() for word in words.split()}
_LABEL: Final = re.compile(
    r"(?i)opening|closing|balance|total|summary|brought|carried|b/f|c/f|generated|end of|page|\*\*"
)
_OPENING: Final = re.compile(r"(?i)opening\s*bal|brought\s*forward|\bb/f\b")
_CLOSING: Final = re.compile(r"(?i)closing\s*bal")
_ACCOUNT: Final = re.compile(
    r"(?i)(?:account|a/c)\s*(?:no|number|num|#)\.?\s*[:\-]?\s*'?=?\"?([0-9X*]{6,34})"
)
_PERIOD: Final = re.compile(r"(?i)\bfrom\b.*\bto\b|period")
_DAYS: Final = re.compile(r"\d{1,2}[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/. ,]+\d{4}|\d{4}-\d{1,2}-\d{1,2}")
_REVERSAL: Final = re.compile(r"(?i)\b(?:rev|reversal|reversed|rvsl)\b")
_MOST_BEFORE: Final = 100
"""Rows above the table at most."""
_MOST_MORE: Final = 20
"""Rows that continue the text of one entry; each is searched for a reference again."""
_MOST_SHOWN: Final = 5
"""Rows that are shown below headings that are not known."""
_DELIMITERS: Final = ",;\t|"


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.cells).split())


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the table that is an entry, with the balance after it."""

    line: int
    entry: StatementEntry
    balance_minor: int | None


@dataclass(frozen=True, slots=True)
class FirstRows:
    """The first rows of a table whose headings are not known."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def parse_csv(text: str, named: Mapping[str, str]) -> BankStatement:
    """Return the statement in a CSV file, oldest entry first. `named` has headings by column. Raises StatementError."""
    rows, at, columns = _table(text, named)
    before = rows[:at]
    lines, after, opening_row = _lines(rows[at + 1 :], columns, rows[at].line)
    lines = _with_reversals(_oldest_first(lines))
    bare = next((one for one in lines if one.balance_minor is None), None)
    if named and bare is not None:
        # Only balances prove that debit and credit were not named the wrong way round.
        raise refused_at(bare.line, "there is no balance: each row needs one where columns are named by hand")
    opening = opening_row if opening_row is not None else _named_balance(before, after, _OPENING)
    closing = _named_balance(before, after, _CLOSING)
    stated = opening is not None
    if opening is None and lines and lines[0].balance_minor is not None:
        opening = lines[0].balance_minor - lines[0].entry.amount_minor
    if opening is None:
        raise refused_at(
            rows[at].line, "there is no column of balances and no opening balance: export it with balances"
        )
    running = opening
    for one in lines:
        running += one.entry.amount_minor
        if one.balance_minor is not None and one.balance_minor != running:
            raise refused_at(
                one.line,
                f"the balance is {one.balance_minor}, and {running} by the entries before (minor units), a difference "
                f"of {one.balance_minor - running}: a row is missing or was changed",
            )
    if closing is None:
        if lines and lines[-1].balance_minor is None:
            raise refused_at(lines[-1].line, "there is no closing balance: export it with balances")
        closing = running
    days = _period(before) + [one.entry.booked_on for one in lines]
    if not days:
        raise refused_at(rows[at].line, "there is no entry and no period: nothing to load")
    return BankStatement(
        "csv",
        next((found[1] for row in before if (found := _ACCOUNT.search(row.text))), ""),
        "",
        min(days),
        max(days),
        opening,
        closing,
        tuple(one.entry for one in lines),
        stated,
    )


def first_rows(text: str, named: Mapping[str, str]) -> FirstRows | None:
    """Return the first rows of a CSV file whose headings are neither known nor named, or None. Raises StatementError."""
    text = "\n".join(text.splitlines()[: 2 * _MOST_BEFORE])
    try:
        _table(text, named)
    except _HeadingsError:
        tables = [_rows(text, delimiter)[:_MOST_BEFORE] for delimiter in _DELIMITERS]
        rows = max(tables, key=lambda rows: (sum(map(_is_entry, rows)), max(map(_filled, rows))))
        # The headings are above the first entry, in the row with the most texts.
        first = next((number for number, row in enumerate(rows) if number and _is_entry(row)), len(rows))
        at = max(range(first), key=lambda number: _filled(rows[number]))
        below = rows[at + 1 : at + 1 + _MOST_SHOWN]
        return FirstRows(rows[at].cells, tuple(row.cells for row in below))
    return None


def _filled(row: _Row) -> int:
    return sum(map(bool, row.cells))


def _is_entry(row: _Row) -> bool:
    """Return whether a row has a day and an amount, in whichever columns."""
    return any(_as_day(cell) is not None for cell in row.cells) and any(map(_is_amount, row.cells))


def _is_amount(text: str) -> bool:
    try:
        fields.amount_minor(text)
    except ValueError:
        return False
    return True


class _HeadingsError(StatementError):
    """No row of a file has headings that are known or named."""


def _table(text: str, named: Mapping[str, str]) -> tuple[list[_Row], int, dict[str, int]]:
    """Return all rows, where the headings are, and the column of each known or named heading."""
    wanted = {column: _same(heading) for column, heading in named.items()}
    for column, heading in wanted.items():
        if not heading or list(wanted.values()).count(heading) > 1:
            raise StatementError(
                f"the heading {named[column]!r} is empty or named for two columns: name a heading of its own for each"
            )
        if (known := _COLUMN.get(_bare(heading))) in {"debit", "credit", "balance"} and known != column:
            raise StatementError(f"the heading {named[column]!r} says {known}: it cannot be named {column}")
    for delimiter in _DELIMITERS:
        rows = _rows(text, delimiter)
        for at, row in enumerate(rows[:_MOST_BEFORE]):
            columns = _columns(row, wanted)
            amounts = columns.keys() & {"amount", "debit", "credit"}
            if amounts and "date" in columns and ("balance" in columns or not named):
                return rows, at, columns
    if named:
        raise _HeadingsError(
            f"line 1: no row has all headings that were named ({', '.join(named.values())}), with those of a date, an "
            "amount and the balance: name them as the file has them"
        )
    raise _HeadingsError(
        "line 1: no row has headings such as Date, Narration, Debit, Credit and Balance: save the bank's export as CSV, "
        "or export MT940 or camt.053"
    )


def _rows(text: str, delimiter: str) -> list[_Row]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").split("\n")
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter)
    rows, begun = [], 1
    try:
        for cells in reader:
            rows.append(_Row(begun, tuple(cell.strip() for cell in cells)))
            begun = reader.line_num + 1
    except csv.Error as error:
        raise refused_at(begun, f"this is not CSV ({error})") from None
    return rows


def _columns(row: _Row, wanted: Mapping[str, str]) -> dict[str, int]:
    """Return columns by their headings: the wanted ones, and others that are known; none where a wanted one is missing."""
    cells = [_same(cell) for cell in row.cells]
    if not all(heading in cells for heading in wanted.values()):
        return {}
    for heading in wanted.values():
        if cells.count(heading) > 1:
            raise refused_at(row.line, f"two columns have the heading {heading!r}, which was named")
    found = {column: cells.index(heading) for column, heading in wanted.items()}
    for number, cell in enumerate(row.cells):
        column = _COLUMN.get(_bare(cell))
        if column in wanted and column in {"debit", "credit", "balance"} and found[column] != number:
            raise refused_at(row.line, f"the heading {cell!r} says {column}: no other column can be named so")
        if column is not None and column not in found and number not in found.values():
            found[column] = number
    return found


def _same(heading: str) -> str:
    """Return a heading without differences of spaces and capital letters."""
    return " ".join(heading.split()).casefold()


def _lines(
    rows: list[_Row], columns: dict[str, int], headings_line: int
) -> tuple[list[_Line], list[_Row], int | None]:
    """Return the entries, the rows below them, and the opening balance where a row of the table states it."""
    lines: list[_Line] = []
    rest: list[_Row] = []
    opening: int | None = None
    ended, more = False, 0
    for row in rows:
        if not row.text:
            continue
        on = _day_of(row, columns)
        if on is None:
            said = _cell(row, columns, "date")
            # Below the table amounts stand in any column; what is written like a date still has to be one.
            meant = not rest or re.match(r"\d.*[-/]", said)
            if said and meant and _amounts(row, columns) and not _LABEL.search(row.text):
                raise refused_at(row.line, f"{said[:40]!r} is not a date (the day first)")
            if _is_more_text(row, columns, lines) and not rest:
                more += 1
                if more > _MOST_MORE:
                    raise refused_at(row.line, f"more than {_MOST_MORE} rows of text without a date")
                lines[-1] = _with_text(lines[-1], _cell(row, columns, "narration"))
            else:
                rest.append(row)
                ended = ended or _amounts(row, columns)
            continue
        amount = _amount_of(row, columns)
        if amount == 0:
            if not lines and _OPENING.search(row.text):
                opening = _balance_of(row, columns)
                continue
            if _CLOSING.search(row.text):
                continue
            raise refused_at(row.line, "the row has a date and no amount")
        if ended:
            raise refused_at(
                row.line,
                f"an entry follows below row {rest[0].line}, which has no date: a row was changed or two files joined",
            )
        if len(row.cells) > max(columns.values()) + 40:
            raise refused_at(row.line, f"the row has other columns than the headings in line {headings_line}")
        more = 0
        lines.append(_Line(row.line, _entry(row, columns, on, amount), _balance_of(row, columns)))
    return lines, rest, opening


def _entry(row: _Row, columns: dict[str, int], on: date, amount: int) -> StatementEntry:
    text, reference = _cell(row, columns, "narration"), _cell(row, columns, "reference")
    value = _cell(row, columns, "value")
    try:
        value_on = fields.day(value) if value else on
    except ValueError as error:
        raise refused_at(row.line, str(error)) from None
    return StatementEntry(
        on,
        value_on,
        amount,
        one_line(text, reference),
        utr_in(text, reference),
        known_by=key_in(text, reference),
    )


def _with_reversals(lines: list[_Line]) -> list[_Line]:
    """Return entries, oldest first, of which those are reversals that their text calls so and that take an earlier one back.

    A word alone is none: payers are called Rev. as well. An earlier entry is taken back by one of the opposite sign with its
    reference, or with its amount where neither has a reference. Where it is in another file, the same reference is found
    when a claim is judged.
    """
    seen: set[tuple[int, str]] = set()
    found = []
    for line in lines:
        entry = line.entry
        reference = entry.utr or entry.known_by
        moved = (1 if entry.amount_minor > 0 else -1) if reference else entry.amount_minor
        if (-moved, reference) in seen and _REVERSAL.search(entry.narration):
            line = replace(line, entry=replace(entry, reversal=True))  # noqa: PLW2901 - the same row, marked
        seen.add((moved, reference))
        found.append(line)
    return found


def _with_text(line: _Line, more: str) -> _Line:
    entry = line.entry
    narration = one_line(entry.narration, more)
    longer = StatementEntry(
        entry.booked_on,
        entry.value_on,
        entry.amount_minor,
        narration,
        entry.utr or utr_in(narration),
        known_by=entry.known_by or key_in(narration),
    )
    return _Line(line.line, longer, line.balance_minor)


def _is_more_text(row: _Row, columns: dict[str, int], lines: list[_Line]) -> bool:
    """Return whether a row only continues the narration of the one above it."""
    text = _cell(row, columns, "narration")
    others = [cell for number, cell in enumerate(row.cells) if cell and number != columns.get("narration")]
    return bool(lines and text and not others and not _LABEL.search(text))


def _cell(row: _Row, columns: dict[str, int], column: str) -> str:
    number = columns.get(column)
    return row.cells[number] if number is not None and number < len(row.cells) else ""


def _day_of(row: _Row, columns: dict[str, int]) -> date | None:
    return _as_day(_cell(row, columns, "date"))


def _as_day(text: str) -> date | None:
    try:
        return fields.day(text)
    except ValueError:
        return None


def _amounts(row: _Row, columns: dict[str, int]) -> bool:
    """Return whether a row has anything in a column of amounts."""
    return any(re.search(r"\d", _cell(row, columns, column)) for column in ("debit", "credit", "amount"))


def _amount_of(row: _Row, columns: dict[str, int]) -> int:
    """Return the signed amount of a row; 0 where it has none."""
    debit, credit = _number(row, columns, "debit"), _number(row, columns, "credit")
    if debit and credit:
        raise refused_at(row.line, "the row has a debit and a credit")
    if debit or credit:
        # Some exports write a debit with its sign in a column of its own.
        return -abs(debit) if debit else credit
    amount, sign = _number(row, columns, "amount"), _cell(row, columns, "sign").lower().strip(" .")
    if not amount or not sign:
        return amount
    if sign in ("dr", "d", "debit", "db"):
        return -abs(amount)
    if sign in ("cr", "c", "credit"):
        return abs(amount)
    raise refused_at(row.line, f"{sign[:20]!r} is neither Dr nor Cr")


def _number(row: _Row, columns: dict[str, int], column: str) -> int:
    text = _cell(row, columns, column)
    if not text.strip("-– .") or text.lower() in ("nil", "na", "n/a"):
        return 0
    try:
        return fields.amount_minor(text)
    except ValueError as error:
        raise refused_at(row.line, str(error)) from None


def _balance_of(row: _Row, columns: dict[str, int]) -> int | None:
    return _number(row, columns, "balance") if _cell(row, columns, "balance") else None


def _oldest_first(lines: list[_Line]) -> list[_Line]:
    """Return entries in the order in which their balances follow each other: some exports begin with the newest."""

    def connects(order: list[_Line]) -> int:
        return sum(
            after.balance_minor == before.balance_minor + after.entry.amount_minor
            for before, after in pairwise(order)
            if before.balance_minor is not None and after.balance_minor is not None
        )

    turned = lines[::-1]
    if connects(turned) != connects(lines):
        return max(lines, turned, key=connects)
    newest_first = bool(lines) and lines[0].entry.booked_on > lines[-1].entry.booked_on
    return turned if newest_first else lines


def _named_balance(before: list[_Row], after: list[_Row], name: re.Pattern[str]) -> int | None:
    """Return the balance that a row outside of the table states: beside its name, or below it as a heading."""
    for rows in (before, after):
        for number, row in enumerate(rows):
            for at, cell in enumerate(row.cells):
                if not name.search(cell):
                    continue
                below = rows[number + 1].cells if number + 1 < len(rows) else ()
                said = re.split(r"[:=]", cell, maxsplit=1)[1:]
                beside = next((one for one in row.cells[at + 1 :] if one), "")
                for text in (*said, beside, below[at] if at < len(below) else ""):
                    try:
                        return fields.amount_minor(text)
                    except ValueError:
                        continue
    return None


def _period(before: list[_Row]) -> list[date]:
    for row in before:
        found = _DAYS.findall(row.text)
        if len(found) == 2 and _PERIOD.search(row.text):
            try:
                return [fields.day(one) for one in found]
            except ValueError:
                continue
    return []
