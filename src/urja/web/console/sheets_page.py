"""Pages of uploaded spreadsheets: what the pipeline has read, the columns to correct, and what loading would do.

The web stores the file and shows the pipeline's answer; it never parses one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy as _

from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import write_scope
from urja.apps.rulebook.queries import tariffs
from urja.apps.sheets import queries
from urja.apps.sheets.kinds import SheetState, SheetTask
from urja.apps.sheets.queries import Asked
from urja.base.sentences import from_plain
from urja.core.sheets.grid import column_letters
from urja.core.sheets.sheet_map import SheetMap, SheetMapError, checked, initials
from urja.usecases.kinds.agreements import MoveIn
from urja.usecases.kinds.connections import NewConnection
from urja.usecases.kinds.people import CorrectConsumer
from urja.web.console.time_formats import moment_of
from urja.web.console.wording import sentence as in_words

FIELDS: Final[dict[str, Promise]] = {
    "flat": _("Flat"),
    "tower": _("Tower"),
    "consumer_number": _("Consumer number"),
    "person_name": _("Resident"),
    "owner_name": _("Owner, where no resident is named"),
    "phone": _("Telephone"),
    "email": _("E-mail"),
    "language": _("Language of messages"),
    "since": _("Supply since"),
    "load": _("Sanctioned load"),
    "tariff": _("Tariff code"),
    "address": _("Postal address"),
    "pin_code": _("Postal code"),
    "meter_serial": _("Meter number (compared only)"),
    "installed_at": _("Meter installed on (by command only)"),
    "register": _("Meter reading (by command only)"),
    "balance": _("Opening balance (by command only)"),
    "deposit": _("Deposit (by command only)"),
}
"""What a column may be read as, in the order of the list."""
BY_COMMAND: Final = frozenset({"balance", "deposit", "register", "installed_at"})


@dataclass(frozen=True, slots=True)
class UploadRow:
    id: int
    name: str
    at: str
    loaded: bool


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A column with its choice."""

    letter: str
    heading: str
    samples: str
    keys: bool
    field: str


@dataclass(frozen=True, slots=True)
class FaultRow:
    where: str
    sentence: str
    blocking: bool


@dataclass(frozen=True, slots=True)
class SheetPage:
    """An upload with its newest answer."""

    id: int
    name: str
    waiting: bool
    refusal: tuple[str, ...]
    check_id: int
    """The check whose map is loaded, where there is one."""
    loaded: bool
    """Whether the newest answer is that of a load."""
    sheet: str
    heading: str
    columns: list[ColumnRow]
    by_command: bool
    keys: bool
    map: SheetMap
    load_kw: str
    tariffs: list[str]
    counts: Mapping[str, int]
    faults: list[FaultRow]
    more: int
    marked: int | None
    """The request whose marked copy can be fetched."""
    loadable: bool
    good_rows_needed: bool
    operations: str


def may_load(caller: Caller) -> bool:
    """Whether a caller may do everywhere what the rows of a sheet become."""
    areas = [caller.area(write_scope(one.kind())) for one in (NewConnection, MoveIn, CorrectConsumer)]
    return all(area is not None and area.everywhere for area in areas)


def uploads(caller: Caller, now: datetime) -> list[UploadRow]:
    """Return a caller's uploads, the newest first."""
    return [
        UploadRow(one.id, one.file_name, moment_of(one.uploaded_at, now), one.loaded)
        for one in queries.uploads_of(caller.actor)
    ]


def sheet_page(upload_id: int, caller: Caller, refusal: Sequence[str] = ()) -> SheetPage | None:
    """Return the page of an upload of the caller's; None where it is none of theirs."""
    upload = next((one for one in queries.uploads_of(caller.actor) if one.id == upload_id), None)
    if upload is None:
        return None
    asked = queries.requests_of(upload_id)
    newest = asked[0]
    done = next((one for one in asked if one.state == SheetState.DONE), None)
    answer = {} if done is None else done.answer
    the_map = msgspec.convert(answer["map"], SheetMap) if done is not None else SheetMap(columns={})
    is_checked = done is newest and newest.task == SheetTask.CHECK
    columns = [_column(*one) for one in answer.get("columns", [])]
    counts = {
        name: answer.get(name, 0) for name in ("rows", "new", "changed", "unchanged", "faulty", "passed_over")
    }
    if newest.state == SheetState.REFUSED:
        refusal = [*refusal, *map(in_words, newest.refusal)]
    return SheetPage(
        id=upload.id,
        name=upload.file_name,
        waiting=newest.state == SheetState.WAITING,
        refusal=tuple(refusal),
        check_id=newest.id if is_checked else 0,
        loaded=done is newest and newest.task == SheetTask.LOAD,
        sheet=answer.get("sheet", ""),
        heading=" – ".join(str(row) for row in sorted(set(answer.get("heading", [])))),
        columns=columns,
        by_command=any(one.field in BY_COMMAND for one in columns),
        keys=any(one.keys for one in columns),
        map=the_map,
        load_kw=f"{the_map.load_w / 1000:g}" if the_map.load_w else "",
        tariffs=tariffs.codes(),
        counts=counts,
        faults=[_fault(*one) for one in answer.get("faults", [])],
        more=answer.get("more", 0),
        marked=newest.id if newest.marked else None,
        loadable=is_checked and counts["new"] + counts["changed"] > 0,
        good_rows_needed=counts["faulty"] > 0,
        operations=", ".join(str(one) for one in answer.get("operations", [])),
    )


def _column(letter: str, heading: str, field: str, samples: list[str], keys: bool) -> ColumnRow:
    return ColumnRow(letter, heading, ", ".join(samples), keys, field)


def _fault(row: int, column: int | None, sentence: Any, remedy: Any, blocking: bool) -> FaultRow:
    where = gettext("row %(row)s") % {"row": row} if column is None else f"{column_letters(column)}{row}"
    said = [in_words(from_plain(text)) for text in (sentence, remedy) if text]
    return FaultRow(where, "; ".join(said), blocking)


def map_of(page: SheetPage, typed: Mapping[str, str]) -> SheetMap:
    """Return the map that a form gives. Raises SheetMapError."""
    columns: dict[str, str] = {}
    for field, heading in _chosen(page, typed):
        if field in columns:
            raise SheetMapError(
                gettext("Two columns are read as %(field)s: choose one.") % {"field": FIELDS[field]}
            )
        columns[field] = heading
    society = typed.get("society", "").strip()
    content = {
        "columns": columns,
        "sheet": page.map.sheet,
        "heading_rows": page.map.heading_rows,
        "society": society,
        "prefix": typed.get("prefix", "").strip() or initials(society),
        "tariff": typed.get("tariff", ""),
        "since": typed.get("since", ""),
        "load_w": _watts(typed.get("load_kw", "")),
        "dates": typed.get("dates", "auto"),
        "amounts": page.map.amounts,
        "balances_on": page.map.balances_on,
    }
    try:
        return checked(msgspec.convert(content, SheetMap))
    except msgspec.ValidationError as error:
        raise SheetMapError(gettext("A value does not fit: %(fault)s.") % {"fault": error}) from None


def _chosen(page: SheetPage, typed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for column in page.columns:
        field = typed.get(f"column-{column.letter}", "")
        if field in FIELDS and not column.keys:
            yield field, column.heading


def _watts(text: str) -> int:
    try:
        return round(float(text.replace(",", ".")) * 1000) if text.strip() else 0
    except (ValueError, OverflowError):
        raise SheetMapError(gettext("The sanctioned load is a number of kilowatts.")) from None


def checked_request(page: SheetPage, number: str) -> Asked | None:
    """Return the check that a load names, where it is the newest answer: what was seen is loaded, and nothing else."""
    if not page.check_id or number != str(page.check_id):
        return None
    return next(one for one in queries.requests_of(page.id) if one.id == page.check_id)
