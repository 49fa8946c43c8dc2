"""Load the rows of a society's sheet: as rows of consumers, balances and devices, in one transaction or not at all.

    SheetReading ─▶ who lives there now? ─▶ consumers ─▶ balances ─▶ devices ─▶ faults? ─▶ COMMIT

A sheet adds residents and never replaces one: a row that names another person than the one who has the supply is a
fault, and a telephone number or address that this resident had before, and has no more, is passed over.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from django.db import transaction
from msgspec import convert, structs, to_builtins

from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.billing.models import Arrear, Deposit
from urja.apps.books.models import CreditRequest
from urja.apps.contracts.models import Agreement
from urja.apps.identity.models import AddressChange
from urja.apps.journal.models import History
from urja.apps.local_zone import local_zone
from urja.apps.network.models import ServicePoint
from urja.apps.sheets import operations as sheets
from urja.apps.sheets.queries import remembered_map
from urja.base.sentences import say
from urja.core.calendar import local_day
from urja.core.sheets.reading import SheetFault, SheetReading, SheetRow
from urja.core.sheets.sheet_map import SheetMap
from urja.usecases.agreements_in_force import in_force_at, newest_agreements_of
from urja.usecases.loading import loader
from urja.usecases.loading.column_map import Map, Source
from urja.usecases.loading.kinds import KINDS
from urja.usecases.loading.row_files import Rows
from urja.usecases.loading.staging import Fault

OPENING_BILL: Final = "opening"
"""Number of the bill that stands for what a sheet says is owed."""

_CONSUMERS: Final = {
    "consumer_number": "consumer_number",
    "flat": "premise_name",
    "tower": "tower",
    "person_name": "person_name",
    "email": "email",
    "phone": "phone",
    "language": "language",
    "address": "postal_address",
    "pin_code": "pin_code",
    "since": "since",
    "tariff": "tariff_code",
    "load": "sanctioned_load_w",
}
"""The loader's field of each field of a sheet; back again, the column of a fault."""
_DEVICES: Final = {"meter_serial": "serial", "installed_at": "installed_at", "register": "register_wh"}
_BALANCES: Final = {"balance": "credit", "deposit": "deposit"}
_SHEET_FIELD: Final = (
    {there: here for here, there in (_CONSUMERS | _DEVICES | _BALANCES).items()}
    | dict.fromkeys(("principal", "bill", "due_on"), "balance")
    | {"society": "flat"}
)


@dataclass(frozen=True, slots=True)
class SheetOrder:
    """A sheet that was read, and how to load it."""

    file: str
    sha256: str
    reading: SheetReading
    map: SheetMap
    recorded_at: datetime
    actor: str
    currency: str
    dry_run: bool = False
    good_rows: bool = False
    """Load the rows without faults."""
    layout: str = ""
    """Of the sheet's headings: its map is remembered once it is loaded."""
    residents_only: bool = False
    """Load neither money nor meters, and no resident where a meter was ever installed: for the browser."""


@dataclass(slots=True)
class SheetReport:
    """What a load has done, or would do."""

    rows: int = 0
    new: int = 0
    """Flats that are new."""
    changed: int = 0
    unchanged: int = 0
    faulty: int = 0
    """Rows with faults."""
    faults: list[SheetFault] = field(default_factory=list)
    """Faults and notes, by row."""
    counts: dict[str, int] = field(default_factory=dict)
    operations: list[int] = field(default_factory=list)
    """Numbers in the audit; empty where nothing was loaded."""


def load_sheet(order: SheetOrder) -> SheetReport:
    """Load the rows of a sheet, all or none; with `good_rows` those without faults."""
    report = SheetReport(rows=len(order.reading.rows), faults=list(order.reading.faults))
    with transaction.atomic():
        rows = [row for row in order.reading.rows if row.n not in order.reading.faulty]
        rows, notes = _of_present_residents(rows, order.recorded_at)
        if order.residents_only:
            notes += _beside_a_meter(rows, order.recorded_at)
        else:
            notes += _balances_of_another_sign(order, rows)
        known = set(
            ServicePoint.objects.filter(
                consumer_number__in=[row["consumer_number"] for row in rows]
            ).values_list("consumer_number", flat=True)
        )
        tried = [row for row in rows if row.n not in _faulty(notes)]
        with transaction.atomic():
            done = _load(order, tried)
            refused = _faulty(done.faults)
            if refused:
                transaction.set_rollback(True)
        faults = [*report.faults, *notes, *done.faults]
        good = [row for row in tried if row.n not in refused]
        if refused and (order.good_rows or order.dry_run):
            # The rows without faults alone, so that nothing of the others stays.
            done = _load(order, good)
        report.faults = sorted(
            set(faults), key=lambda one: (one.row, -1 if one.column is None else one.column)
        )
        report.faulty = len(_faulty(report.faults))
        report.new = sum(row["consumer_number"] not in known for row in good)
        report.changed = len(_changed(done.operations, order.recorded_at) & known)
        report.unchanged = len(good) - report.new - report.changed
        report.counts, report.operations = done.counts, done.operations
        if order.dry_run or (report.faulty and not order.good_rows):
            report.operations = []
            transaction.set_rollback(True)
        elif report.operations and order.layout:
            # Rows and names of sheets differ from file to file; the headings are the layout.
            kept = structs.replace(order.map, sheet="", heading_rows=[])
            sheets.remember(order.layout, to_builtins(kept), order.recorded_at)
    return report


def remembered(layout: str) -> SheetMap | None:
    """Return the map by which a sheet with these headings was loaded last, or None."""
    found = remembered_map(layout)
    return None if found is None else convert(found, SheetMap)


def _faulty(faults: Collection[SheetFault]) -> set[int]:
    return {fault.row for fault in faults if fault.blocking}


# -- residents ---------------------------------------------------------------------------------------------------------


def _of_present_residents(rows: Sequence[SheetRow], at: datetime) -> tuple[list[SheetRow], list[SheetFault]]:
    """Return rows without what the map assumes for new residents, and without former values; and faults of others."""
    places = {
        place.consumer_number: place
        for place in ServicePoint.objects.filter(consumer_number__in=[row["consumer_number"] for row in rows])
    }
    newest = newest_agreements_of([place.id for place in places.values()])
    kept: list[SheetRow] = []
    faults: list[SheetFault] = []
    for row in rows:
        place = places.get(row["consumer_number"])
        agreement = None if place is None else newest.get(place.id)
        if agreement is None or not in_force_at(agreement, at):
            kept.append(row)
            continue
        faults += _of_another(row, agreement)
        former, notes = _former(row, agreement)
        faults += notes
        kept.append(
            SheetRow(
                row.n, {name: value for name, value in row.values.items() if name not in row.assumed | former}
            )
        )
    return kept, faults


def _of_another(row: SheetRow, agreement: Agreement) -> Iterator[SheetFault]:
    name, holder = row["person_name"], agreement.customer
    if holder is None:
        yield SheetFault(
            row.n, None, say("the flat has an agreement without a person"), say("end it by move_out first")
        )
    elif name is None:
        yield SheetFault(
            row.n, None, say("the flat has a resident, and the row names none"), "",
            blocking=False,
        )  # fmt: skip
    elif _folded(name) != _folded(holder.name):
        yield SheetFault(
            row.n,
            None,
            say(
                "the flat has another resident since {day}, and the row names {other}",
                day=local_day(agreement.valid_from, local_zone()).isoformat(),
                other=name,
            ),
            say(
                "a new resident comes by the operations move_out and move_in or transfer_ownership, another spelling by correct_consumer"
            ),
        )


def _beside_a_meter(rows: Sequence[SheetRow], at: datetime) -> Iterator[SheetFault]:
    """Yield residents of flats without one that have or had a meter: its reading belongs to their beginning."""
    numbers = {row["consumer_number"]: row for row in rows if row["person_name"] is not None}
    metered = DevicePeriod.objects.filter(service_point__consumer_number__in=list(numbers))
    places = {
        period.service_point_id: period.service_point for period in metered.select_related("service_point")
    }
    newest = newest_agreements_of(list(places))
    for place in places.values():
        agreement = newest.get(place.id)
        if agreement is None or not in_force_at(agreement, at):
            yield SheetFault(
                numbers[place.consumer_number].n,
                None,
                say("the flat has or had a meter, and no resident now"),
                say("record the new resident by move_in, with the meter's reading"),
            )


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _former(row: SheetRow, agreement: Agreement) -> tuple[set[str], list[SheetFault]]:
    """Return the fields of a row whose value the resident had before, and has no more."""
    person = agreement.customer
    if person is None:
        return set(), []
    columns = {"phone": "phone", "email": "email", "address": "address", "language": "language"}
    differing = {
        name
        for name, column in columns.items()
        if row[name] is not None and row[name] != getattr(person, column)
    }
    if not differing:
        return set(), []
    before = [one.row for one in History.objects.filter(table_name="people_person", row_id=person.id)]
    found = {name for name in differing if row[name] in [then.get(columns[name]) for then in before]}
    return found, [
        SheetFault(
            row.n,
            None,
            say("{value} was replaced by a newer value here, which stays", value=row[name]),
            "",
            blocking=False,
        )
        for name in sorted(found)
    ]


# -- rows of the loader ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Done:
    faults: list[SheetFault] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    operations: list[int] = field(default_factory=list)


def _load(order: SheetOrder, rows: Sequence[SheetRow]) -> _Done:
    done = _Done()
    tables: list[tuple[str, list[tuple[int, dict[str, str]]]]] = [
        ("consumers", [_consumer(order.map, row) for row in rows])
    ]
    notes: list[SheetFault] = []
    if not order.residents_only:
        tables.append(("balances", [one for row in rows if (one := _balance(order.map, row)) is not None]))
        meters, notes = _meters(rows)
        tables.append(("devices", meters))
    for kind, given in tables:
        bad = _faulty(done.faults)
        _load_kind(order, kind, [(n, values) for n, values in given if n not in bad], done)
    done.faults += [note for note in notes if note.blocking or note.row not in _faulty(done.faults)]
    return done


def _consumer(the_map: SheetMap, row: SheetRow) -> tuple[int, dict[str, str]]:
    values = {there: _text(row[here]) for here, there in _CONSUMERS.items() if row[here] is not None}
    return row.n, values | {"premise_kind": "flat", "society": the_map.society}


def _balance(the_map: SheetMap, row: SheetRow) -> tuple[int, dict[str, str]] | None:
    amount, deposit = row["balance"] or 0, row["deposit"]
    if not amount and not deposit:
        return None
    values = {"consumer_number": row["consumer_number"]}
    if amount > 0:
        values["credit"] = str(amount)
    elif amount < 0:
        values |= {"bill": OPENING_BILL, "due_on": the_map.balances_on, "principal": str(-amount)}
    if deposit:
        values["deposit"] = str(deposit)
    return row.n, values


def _balances_of_another_sign(order: SheetOrder, rows: Sequence[SheetRow]) -> Iterator[SheetFault]:
    """Yield what would stand beside an amount of the other sign that an earlier sheet has loaded."""
    numbers = {row["consumer_number"]: row for row in rows if row["balance"]}
    agreements = Agreement.objects.filter(service_point__consumer_number__in=list(numbers), valid_to=None)
    for agreement in agreements.select_related("service_point"):
        row = numbers[agreement.service_point.consumer_number]
        owed = Arrear.objects.filter(account_id=agreement.account_id, bill=OPENING_BILL).exists()
        credited = CreditRequest.objects.filter(idempotency_key=f"opening-credit:{agreement.id}").exists()
        if (owed and row["balance"] > 0) or (credited and row["balance"] < 0):
            yield SheetFault(
                row.n,
                order.reading.columns.get("balance"),
                say("an opening balance of the other sign was loaded before"),
                say("money is corrected in the ledger, by a new entry"),
            )


def _meters(rows: Sequence[SheetRow]) -> tuple[list[tuple[int, dict[str, str]]], list[SheetFault]]:
    """Return installations of meters that are known, and what is said of the others."""
    by_serial = {row["meter_serial"]: row for row in rows if row["meter_serial"] is not None}
    known = set(Device.objects.filter(serial__in=list(by_serial)).values_list("serial", flat=True))
    installed = {
        period.device.serial: period.service_point.consumer_number
        for period in DevicePeriod.objects.filter(
            device__serial__in=list(known), valid_to=None
        ).select_related("device", "service_point")
    }
    found: list[tuple[int, dict[str, str]]] = []
    said: list[SheetFault] = []
    for serial, row in by_serial.items():
        if serial not in known:
            said.append(
                SheetFault(
                    row.n, None, say("meter {serial} is not known yet: its key file comes first (urja stock receive)", serial=serial),
                    "", blocking=False,
                )
            )  # fmt: skip
        elif serial in installed:
            if installed[serial] != row["consumer_number"]:
                said.append(
                    SheetFault(
                        row.n,
                        None,
                        say(
                            "meter {serial} is installed at {number}", serial=serial, number=installed[serial]
                        ),
                        say("correct the row; a meter is moved by remove_meter and install_meter"),
                    )
                )
        elif row["register"] is not None and row["installed_at"] is not None:
            values = {there: _text(row[here]) for here, there in _DEVICES.items()}
            found.append((row.n, values | {"consumer_number": row["consumer_number"]}))
        else:
            said.append(
                SheetFault(
                    row.n, None, say("meter {serial} is not installed: that needs the day and the reading", serial=serial),
                    "", blocking=False,
                )
            )  # fmt: skip
    return found, said


def _text(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _load_kind(
    order: SheetOrder, kind: str, given: Sequence[tuple[int, Mapping[str, str]]], done: _Done
) -> None:
    if not given:
        return
    names = sorted({name for _, values in given for name in values})
    sources = tuple(
        Source(
            KINDS[kind].field(name),
            1,
            column=name,
            unit="minor" if kind == "balances" and name in _MINOR else None,
        )
        for name in names
    )
    the_map = Map(KINDS[kind], sources)
    cells = [(n, [values.get(name, "") for name in names]) for n, values in given]
    how = loader.LoadOrder(
        Path(order.file), the_map, order.recorded_at, order.actor, order.currency, good_rows=True
    )
    report = loader.Report(kind, order.file, order.sha256)
    with transaction.atomic():
        faults = loader.load_rows(how, partial(_opened, names, cells), report)
        if not report.written:
            transaction.set_rollback(True)
    done.faults += [_of_sheet(order.reading, fault) for fault in faults]
    if report.written and report.operation_id is not None:
        done.operations.append(report.operation_id)
        for what, count in report.counts.items():
            done.counts[what] = done.counts.get(what, 0) + count


_MINOR: Final = frozenset({"credit", "deposit", "principal"})


@contextmanager
def _opened(names: Sequence[str], cells: Sequence[tuple[int, Sequence[str]]]) -> Iterator[Rows]:
    yield Rows(list(names), iter(cells))


def _of_sheet(reading: SheetReading, fault: Fault) -> SheetFault:
    column = reading.columns.get(_SHEET_FIELD.get(fault.field, ""))
    return SheetFault(fault.n, column, fault.sentence, fault.remedy)


# -- what was changed --------------------------------------------------------------------------------------------------


def _changed(operations: Sequence[int], at: datetime) -> set[str]:
    """Return the consumer numbers of which operations have created or changed something."""
    by = {"operation_id__in": list(operations)}
    history = History.objects.filter(**by)
    people = set(history.filter(table_name="people_person").values_list("row_id", flat=True))
    people |= set(AddressChange.objects.filter(**by).values_list("person_id", flat=True))
    accounts = set(Arrear.objects.filter(**by).values_list("account_id", flat=True))
    agreements = set(Deposit.objects.filter(**by).values_list("agreement_id", flat=True))
    places = set(DevicePeriod.objects.filter(**by).values_list("service_point_id", flat=True))
    premises = set(history.filter(table_name="network_premise").values_list("row_id", flat=True))
    of_agreements = Agreement.objects.filter(**by) | Agreement.objects.filter(
        customer_id__in=people, valid_to=None
    )
    of_agreements |= Agreement.objects.filter(account_id__in=accounts) | Agreement.objects.filter(
        id__in=agreements
    )
    if operations:
        credited = CreditRequest.objects.filter(
            idempotency_key__startswith="opening-credit:", requested_at=at
        )
        of_agreements |= Agreement.objects.filter(account_id__in=credited.values("account_id"))
    places |= set(of_agreements.values_list("service_point_id", flat=True))
    found = ServicePoint.objects.filter(id__in=places) | ServicePoint.objects.filter(premise_id__in=premises)
    return set(found.values_list("consumer_number", flat=True))
