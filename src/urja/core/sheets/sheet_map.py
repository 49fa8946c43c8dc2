"""What the columns of a society's sheet are: guessed, corrected by a person, and remembered as a TOML file."""

import json
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct, structs

from urja.base import toml
from urja.base.sentences import say
from urja.core.sheets import columns as names, headings as rows
from urja.core.sheets.columns import FIELDS, KEYS, PASSED_OVER, Column
from urja.core.sheets.grid import Grid
from urja.core.sheets.headings import Headings

Text = Annotated[str, Meta(max_length=200)]


class SheetMapError(ValueError):
    """A map that cannot be used, with a sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class SheetMap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one layout of sheet is read."""

    columns: dict[Text, Text]
    """The heading of each field."""
    sheet: Text = ""
    """Name of the sheet; the one with the most known columns where empty."""
    heading_rows: Annotated[list[Annotated[int, Meta(ge=1, le=1000)]], Meta(max_length=2)] = []
    """First and last row of the heading, where it is not found."""
    society: Text = ""
    """Name or code of the society that the flats are part of."""
    prefix: Annotated[str, Meta(max_length=12, pattern=r"^[A-Za-z0-9-]*$")] = ""
    """Begins the consumer number of a flat where the sheet has none."""
    tariff: Text = ""
    """Code of the tariff of rows that name none."""
    since: Annotated[str, Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""
    """First day of the agreement of rows that have none."""
    load_w: Annotated[int, Meta(ge=0, le=2_000_000)] = 0
    """Sanctioned load of rows that have none; 0 for none."""
    dates: Literal["auto", "day", "month"] = "auto"
    """Which comes first in a day such as 04/05/2024."""
    amounts: Literal["", "credit", "owed"] = ""
    """What an amount of the balances without Cr or Dr is."""
    balances_on: Annotated[str, Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""
    """Day of the balances: what is owed counts as due since then."""


_ABOUT: Final = {
    "sheet": "the one with the most known columns where it is left out",
    "heading_rows": "first and last row of the columns' names, such as [3, 4]; found where it is left out",
    "society": "name or code of the society that the flats are part of",
    "prefix": "begins the consumer number of a flat where the sheet has none",
    "tariff": "code of a loaded tariff, for rows without one",
    "since": "first day of the agreement, for rows without one: 2024-04-01",
    "load_w": "sanctioned load in W, for rows without one",
    "dates": "auto, day or month: which comes first in 04/05/2024",
    "amounts": "credit or owed: what an amount without Cr or Dr is",
    "balances_on": "day of the balances; what is owed counts as due since then",
}


def loads(text: str) -> SheetMap:
    """Return the map of a TOML text. Raises SheetMapError with what is wrong."""
    try:
        return checked(msgspec.convert(toml.loads(text), SheetMap))
    except toml.TomlError as error:
        raise SheetMapError(f"it is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise SheetMapError(str(error)) from None


def checked(the_map: SheetMap) -> SheetMap:
    """Return a map whose fields are known and whose days exist. Raises SheetMapError."""
    unknown = [name for name in the_map.columns if name not in FIELDS or name in {KEYS, PASSED_OVER}]
    if unknown:
        known = ", ".join(name for name in FIELDS if name not in {KEYS, PASSED_OVER})
        raise SheetMapError(
            say("there is no field {name}: fields are {known}", name=min(unknown), known=known)
        )
    used = list(the_map.columns.values())
    twice = sorted({heading for heading in used if used.count(heading) > 1})
    if twice:
        raise SheetMapError(say("the column {name} is given for two fields: choose one", name=twice[0]))
    for name in ("since", "balances_on"):
        try:
            if said := getattr(the_map, name):
                date.fromisoformat(said)
        except ValueError:
            raise SheetMapError(say("{day} is not a day of the calendar", day=said)) from None
    return the_map


def dumps(the_map: SheetMap) -> str:
    """Return a map as TOML that a person can correct, each setting with its meaning."""
    lines = [
        "# How urja sheet reads this layout. Correct what was guessed wrongly, and load again with --map.",
        "",
    ]
    for field in structs.fields(SheetMap):
        if field.name != "columns":
            value = getattr(the_map, field.name)
            mark = "" if value not in ("", [], 0) else "# "
            lines.append(
                f"{mark}{field.name} = {json.dumps(value, ensure_ascii=False)}  # {_ABOUT[field.name]}"
            )
    lines += ["", "[columns]"]
    for name in FIELDS:
        if name in the_map.columns:
            lines.append(f"{name} = {json.dumps(the_map.columns[name], ensure_ascii=False)}")
    return "\n".join([*lines, ""])


def layout_of(columns: Sequence[Column]) -> str:
    """Return the hash by which a layout is known again: its headings in their order."""
    return sha256(json.dumps([column.heading for column in columns]).encode()).hexdigest()


def choose_sheet(grids: Sequence[Grid]) -> tuple[Grid, Headings | None]:
    """Return the sheet with the most known columns, and its heading."""
    found = [(grid, rows.find(grid)) for grid in grids]
    return max(
        found,
        key=lambda one: (
            0 if one[1] is None else len(names.guess(one[1].columns, [[] for _ in one[1].columns])),
            one[0].height,
        ),
    )


def located(grids: Sequence[Grid], the_map: SheetMap) -> tuple[Grid, Headings]:
    """Return the sheet that a map means, and its heading. Raises SheetMapError."""
    if the_map.sheet:
        named = [grid for grid in grids if grid.name == the_map.sheet]
        if not named:
            raise SheetMapError(
                say(
                    "there is no sheet {name}, only {others}",
                    name=the_map.sheet,
                    others=", ".join(grid.name for grid in grids),
                )
            )
        grid, headings = named[0], rows.find(named[0])
    else:
        grid, headings = choose_sheet(grids)
    if the_map.heading_rows:
        headings = rows.at(grid, the_map.heading_rows[0], the_map.heading_rows[-1])
    if headings is None:
        raise SheetMapError(
            say("no row names two known columns, such as Flat No and Name: name the columns in one row")
        )
    return grid, headings


def guess(grid: Grid, headings: Headings, *, society: str = "", today: date) -> SheetMap:
    """Return the map that the headings and cells of a sheet suggest."""
    found = names.guess(headings.columns, rows.samples(grid, headings))
    return SheetMap(
        columns=found,
        society=society,
        prefix=initials(society),
        amounts=names.meaning_of(found.get("balance", "")),  # type: ignore[arg-type] # one of its words
        balances_on=today.isoformat() if "balance" in found else "",
    )


def initials(name: str) -> str:
    """Return the initials of a society's name in Latin letters, with a dash behind them; empty where it has none."""
    letters = "".join(word[0] for word in name.upper().split() if word[0].isascii() and word[0].isalnum())
    return f"{letters[:6]}-" if letters else ""
