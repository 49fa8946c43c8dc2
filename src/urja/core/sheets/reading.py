"""Rows of a society's sheet, read by its map: values in base units, and every fault with its cell."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from urja.base.sentences import Sentence, say
from urja.core.sheets.cells import (
    CellError,
    is_nothing,
    read_amount,
    read_deposit,
    read_email,
    read_energy,
    read_load,
    read_phone,
    read_text,
    text_of,
    with_ascii_digits,
)
from urja.core.sheets.columns import unit_of
from urja.core.sheets.days import read_days
from urja.core.sheets.grid import Grid
from urja.core.sheets.headings import Headings
from urja.core.sheets.sheet_map import SheetMap, SheetMapError


@dataclass(frozen=True, slots=True)
class SheetFault:
    """What is wrong with a cell, or with a row where `column` is None."""

    row: int
    column: int | None
    sentence: str
    remedy: str
    blocking: bool = True
    """Whether the row cannot be loaded; the others are notes that a person should see."""


@dataclass(slots=True)
class SheetRow:
    """One flat. Only fields with a value are in `values`."""

    n: int
    values: dict[str, Any]
    assumed: set[str] = field(default_factory=set)
    """Fields whose value is the map's, because the row has none."""

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)


@dataclass(slots=True)
class SheetReading:
    """What a sheet says by a map."""

    rows: list[SheetRow] = field(default_factory=list)
    """The rows with a flat or a consumer number, those with faults among them."""
    faults: list[SheetFault] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)
    """How many rows are blank, repeated headings, headings of a tower, totals, or the same as another row."""
    columns: dict[str, int] = field(default_factory=dict)
    """Place of each field's column."""

    @property
    def faulty(self) -> frozenset[int]:
        return frozenset(fault.row for fault in self.faults if fault.blocking)


def read(grid: Grid, headings: Headings, the_map: SheetMap) -> SheetReading:
    """Return the rows of a sheet with their faults. Raises SheetMapError where the map's columns are not there."""
    places = {column.heading: column.place for column in headings.columns}
    missing = [heading for heading in the_map.columns.values() if heading not in places]
    if missing:
        has = ", ".join(column.heading for column in headings.columns[:20])
        raise SheetMapError(
            say("the sheet has no column {name}; it has {others}", name=missing[0], others=has)
        )
    if not {"flat", "consumer_number"} & the_map.columns.keys():
        raise SheetMapError(say("no column is the flat or the consumer number: choose one"))
    reading = SheetReading(columns={name: places[heading] for name, heading in the_map.columns.items()})
    _Reader(grid, headings, the_map, reading).read()
    return reading


_TOTAL: Final = re.compile(r"(grand\s*|sub\s*-?\s*)?totals?\b.*|(कुल|योग)([\s:].*)?", re.IGNORECASE)
_TOWER: Final = re.compile(
    r"(?:tower|block|wing|building|bldg|टावर|ब्लॉक|विंग|इमारत)\s*(?:no\.?|name)?\s*[-:.]?\s*(\S.{0,30}?)",
    re.IGNORECASE,
)
_FLAT: Final = re.compile(
    r"(?:(?:tower|block|wing|flat|टावर|ब्लॉक|विंग|फ्लैट)\s*[-:]?\s*)?([^\W\d_][^\s\d/-]{0,2}|\d{1,2}(?=\s*[-/]))\s*[-/ ]?\s*"
    r"(?:flat|फ्लैट)?\s*(?:no\.?)?\s*(\d{1,5}\s?[A-Za-z]?)",
    re.IGNORECASE,
)
_VACANT: Final = frozenset({"vacant", "empty", "unsold", "locked", "closed", "builder", "खाली", "रिक्त", "बंद"})
_LANGUAGES: Final = {
    "en": "en", "english": "en", "eng": "en", "अंग्रेज़ी": "en", "अंग्रेजी": "en", "hi": "hi", "hindi": "hi", "हिन्दी": "hi", "हिंदी": "hi",
}  # fmt: skip

BLANK, REPEATED, SECTION, TOTAL, SAME = (
    "blank",
    "repeated heading",
    "tower heading",
    "total",
    "same as another row",
)


class _Reader:
    def __init__(self, grid: Grid, headings: Headings, the_map: SheetMap, reading: SheetReading) -> None:
        self.grid, self.headings, self.map, self.reading = grid, headings, the_map, reading
        self.passed_over: Counter[str] = Counter()

    def read(self) -> None:
        tower = ""
        seen: dict[tuple[str, ...], int] = {}
        rows: list[tuple[int, str]] = []
        for n in range(self.headings.last + 1, self.grid.height + 1):
            texts = tuple(text_of(self.grid.stored(n, column)) for column in range(self.grid.width))
            why = self._passed_over(texts)
            section = _tower_of(texts) if why is None else ""
            if section:
                tower, why = section, SECTION
            if why is None and texts in seen:
                why = SAME
                self._note(n, None, say("it is the same as row {row}, and passed over", row=seen[texts]))
            if why is not None:
                self.passed_over[why] += 1
                continue
            seen[texts] = n
            rows.append((n, tower))
        self.reading.passed_over = dict(self.passed_over)
        days = {name: self._days(name, [n for n, _ in rows]) for name in ("since", "installed_at")}
        for place, (n, tower) in enumerate(rows):
            row = self._row(n, tower)
            for name, found in days.items():
                self._day(row, name, found[place] if found else None)
            self._finish(row)
            self.reading.rows.append(row)
        self._find_duplicates()
        self.reading.faults.sort(key=lambda one: (one.row, -1 if one.column is None else one.column))

    # -- which rows ------------------------------------------------------------------------------------------------

    def _passed_over(self, texts: Sequence[str]) -> str | None:
        if all(is_nothing(text) for text in texts):
            return BLANK
        named = [(column.place, column.last) for column in self.headings.columns]
        if sum(texts[place] == name for place, name in named) > len(named) / 2:
            return REPEATED
        first = next(text for text in texts if text)
        if _TOTAL.fullmatch(first) and not self._identifies(texts):
            return TOTAL
        return None

    def _identifies(self, texts: Sequence[str]) -> bool:
        """Return whether a row names a flat or a consumer, and not only a total."""
        return any(
            name in self.reading.columns
            and not is_nothing(text := texts[self.reading.columns[name]])
            and not _TOTAL.fullmatch(text)
            and re.search(r"\d", text)
            for name in ("flat", "consumer_number")
        )

    # -- cells -----------------------------------------------------------------------------------------------------

    def _cell(self, n: int, name: str) -> Any:
        place = self.reading.columns[name]
        merge = self.grid.merge_at(n, place)
        # A tower or a flat merged over several rows holds for each of them; one merged over columns only for its first.
        if merge is not None and merge.left != place:
            return None
        return self.grid.shown(n, place) if name in {"tower", "flat"} else self.grid.stored(n, place)

    def _row(self, n: int, tower: str) -> SheetRow:
        row = SheetRow(n, {})
        for name, read_cell in self._readers().items():
            if name in self.reading.columns:
                self._put(row, name, read_cell)
        if "phone" in self.reading.columns:
            self._phone(row)
        if "tower" not in row.values and tower:
            row.values["tower"] = tower
        return row

    def _readers(self) -> dict[str, Callable[[Any], Any]]:
        unit = unit_of(self.map.columns.get("load", ""))
        return {
            "flat": _read_flat,
            "tower": _read_tower,
            "consumer_number": lambda cell: _ascii(read_text(cell, 32)),
            "person_name": lambda cell: read_text(cell, 200),
            "owner_name": lambda cell: read_text(cell, 200),
            "email": read_email,
            "meter_serial": lambda cell: _ascii(read_text(cell, 32)),
            "load": lambda cell: read_load(cell, unit),
            "register": read_energy,
            "tariff": lambda cell: read_text(cell, 64),
            "balance": lambda cell: read_amount(cell, self.map.amounts),
            "deposit": read_deposit,
            "address": lambda cell: read_text(cell, 300),
            "pin_code": lambda cell: _ascii(read_text(cell, 10)),
            "language": _read_language,
        }

    def _put(self, row: SheetRow, name: str, read_cell: Callable[[Any], Any]) -> None:
        try:
            value = read_cell(self._cell(row.n, name))
        except CellError as bad:
            self._fault(row.n, name, bad.sentence, bad.remedy)
            return
        if value is not None:
            row.values[name] = value

    def _phone(self, row: SheetRow) -> None:
        self._put(row, "phone", read_phone)
        if (phone := row["phone"]) is not None:
            row.values["phone"] = phone.number
            if phone.others:
                self._note(
                    row.n, "phone", say("the first of several numbers is used: {number}", number=phone.number)
                )

    def _days(self, name: str, rows: Sequence[int]) -> list[date | CellError | None]:
        if name not in self.reading.columns:
            return []
        return read_days([self._cell(n, name) for n in rows], self.map.dates)

    def _day(self, row: SheetRow, name: str, found: date | CellError | None) -> None:
        if isinstance(found, CellError):
            self._fault(row.n, name, found.sentence, found.remedy)
        elif found is not None:
            row.values[name] = found

    # -- a whole row -----------------------------------------------------------------------------------------------

    def _finish(self, row: SheetRow) -> None:
        values, n = row.values, row.n
        self._name_flat(values)
        person = values.get("person_name") or values.get("owner_name")
        vacant = isinstance(person, str) and person.casefold().strip("() .") in _VACANT
        if vacant:
            person = None
        values.pop("owner_name", None)
        values.pop("person_name", None)
        if person is not None:
            values["person_name"] = person
            self._assume(row)
            self._needed(n, values)
        else:
            contact = next((name for name in ("phone", "email") if name in values), None)
            if contact is not None and not vacant:
                self._note(
                    n,
                    contact,
                    say("the row has no name, so no resident is loaded: write the name, or Vacant"),
                )
            for name in ("since", "tariff", "load", "phone", "email"):
                values.pop(name, None)
            if values.get("balance") or values.get("deposit"):
                self._fault(
                    n,
                    "balance" if values.get("balance") else "deposit",
                    say("the flat has no resident, and an amount needs one"),
                    say("give the resident, or leave the amount empty"),
                )
        if "consumer_number" not in values:
            if "flat" not in values:
                if n not in self.reading.faulty:
                    self._fault(
                        n, "flat", say("the row names no flat"), say("write the flat, or remove the row")
                    )
            else:
                self._number(n, values)

    def _assume(self, row: SheetRow) -> None:
        since = date.fromisoformat(self.map.since) if self.map.since else None
        faulty = {fault.column for fault in self.reading.faults if fault.row == row.n and fault.blocking}
        for name, value in (("since", since), ("tariff", self.map.tariff), ("load", self.map.load_w)):
            if name not in row.values and value and self.reading.columns.get(name, -1) not in faulty:
                row.values[name] = value
                row.assumed.add(name)

    def _needed(self, n: int, values: dict[str, Any]) -> None:
        faulty = {fault.column for fault in self.reading.faults if fault.row == n and fault.blocking}
        for name, sentence, remedy in (
            ("since", say("the day since when the resident has the supply is missing"),
             say("write it, or give one day for all rows without it")),
            ("tariff", say("the tariff is missing"), say("write its code, or give one tariff for all rows without it")),
            ("load", say("the sanctioned load is missing"), say("write it, or give one load for all rows without it")),
        ):  # fmt: skip
            if not values.get(name) and self.reading.columns.get(name, -1) not in faulty:
                self._fault(n, name, sentence, remedy)

    def _name_flat(self, values: dict[str, Any]) -> None:
        """Give a flat its tower where its number names it, and its full name: A-101."""
        flat = values.get("flat")
        if not flat:
            return
        match = _FLAT.fullmatch(flat)
        if match is None:
            if values.get("tower") and flat.isalnum() and flat.isascii():
                values["flat"] = f"{values['tower']}-{flat}"
            return
        tower, number = match[1].upper(), match[2].replace(" ", "").upper()
        if values.get("tower") in (None, "", tower):
            values["tower"] = tower
        values["flat"] = f"{tower}-{number}"

    def _number(self, n: int, values: dict[str, Any]) -> None:
        number = f"{self.map.prefix}{values['flat']}".replace(" ", "")
        if len(number) > 32:
            self._fault(
                n,
                "flat",
                say("the consumer number made of it, {number}, is longer than 32 characters", number=number),
                say("shorten the flat, or give a column of consumer numbers"),
            )
            return
        values["consumer_number"] = number

    # -- across rows -----------------------------------------------------------------------------------------------

    def _find_duplicates(self) -> None:
        number = "consumer_number" if "consumer_number" in self.reading.columns else "flat"
        for row, others in self._twice("consumer_number"):
            self._fault(
                row.n, number, say("this flat is also in row {rows}", rows=_numbers(others)), _ONE_OF_THEM
            )
        for row, others in self._twice("meter_serial"):
            self._fault(
                row.n,
                "meter_serial",
                say("this meter is also in row {rows}", rows=_numbers(others)),
                _ONE_OF_THEM,
            )
        for row, others in self._twice("email"):
            if any(other["person_name"] != row["person_name"] for other in others):
                self._fault(
                    row.n,
                    "email",
                    say("another person has this address too, in row {rows}", rows=_numbers(others)),
                    say("give each person their own address, or leave it empty"),
                )
        for rows in self._by(lambda row: (row["person_name"], row["phone"]) if row["phone"] else None):
            for row in rows[1:]:
                self._note(row.n, "person_name", say("the same person has row {row}", row=rows[0].n))

    def _twice(self, name: str) -> Iterator[tuple[SheetRow, list[SheetRow]]]:
        """Yield each row whose value others have too, with those."""
        for rows in self._by(lambda row: row[name]):
            for row in rows:
                yield row, [other for other in rows if other is not row]

    def _by(self, key: Callable[[SheetRow], Any]) -> Iterator[list[SheetRow]]:
        found: defaultdict[Any, list[SheetRow]] = defaultdict(list)
        for row in self.reading.rows:
            if (value := key(row)) is not None:
                found[value].append(row)
        yield from (rows for rows in found.values() if len(rows) > 1)

    def _fault(self, n: int, name: str, sentence: Sentence, remedy: Sentence) -> None:
        self.reading.faults.append(SheetFault(n, self.reading.columns.get(name), sentence, remedy))

    def _note(self, n: int, name: str | None, sentence: Sentence) -> None:
        column = None if name is None else self.reading.columns.get(name)
        self.reading.faults.append(SheetFault(n, column, sentence, "", blocking=False))


_ONE_OF_THEM: Final = say("correct one of the rows, or remove it")


def _numbers(rows: Sequence[SheetRow]) -> str:
    return ", ".join(str(row.n) for row in rows)


def _tower_of(texts: Sequence[str]) -> str:
    """Return the tower of a row that only says `Tower B`, for the rows below it."""
    filled = [text for text in texts if text]
    match = _TOWER.fullmatch(filled[0]) if len(filled) == 1 else None
    return match[1].strip() if match else ""


def _read_flat(cell: Any) -> str | None:
    if isinstance(cell, datetime):
        raise CellError(
            say("the spreadsheet has made a day of this flat"),
            say("format the column as text and write it again"),
        )
    return _ascii(read_text(cell, 100))


def _read_tower(cell: Any) -> str | None:
    text = read_text(cell, 100)
    match = _TOWER.fullmatch(text) if text else None
    return match[1].strip() if match else text


def _read_language(cell: Any) -> str | None:
    text = read_text(cell, 30)
    if text is None:
        return None
    if (language := _LANGUAGES.get(text.casefold())) is None:
        raise CellError(say("it is neither English nor Hindi"), say("write English or Hindi"))
    return language


def _ascii(text: str | None) -> str | None:
    return None if text is None else with_ascii_digits(text)
