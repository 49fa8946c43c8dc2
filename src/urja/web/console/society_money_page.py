"""A society's money: collections of a month, low balances, dues and receipts, and the month-end sheet.

Of a flat no charge is shown before its month is over, and its balance has those until the last Monday alone: charges by
day would show how it uses energy.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from babel.numbers import get_currency_precision
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from urja.apps.counter import queries as counter
from urja.apps.counter.queries import ReceiptRow
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read, write_scope
from urja.apps.identity.requests import record_personal_reads
from urja.apps.maintenance import queries as maintenance
from urja.apps.maintenance.queries import FlatMaintenance
from urja.apps.network.kinds import Commodity, PremiseKind
from urja.apps.overviews.queries import areas, premises, society_money
from urja.apps.overviews.queries.registry import PremiseRow
from urja.apps.overviews.queries.society_money import FlatMoney
from urja.base.csv_texts import with_apostrophe
from urja.core.calendar import local_day, midnight
from urja.usecases.kinds.maintenance import PostMaintenance
from urja.web.console import wording
from urja.web.console.time_formats import moment_of
from urja.web.shared import formats
from urja.web.shared.clock import zone

MOST_RECEIPTS: Final = 200


@dataclass(frozen=True, slots=True)
class MoneyRow:
    name: str
    number: str
    balance: str
    dues: str


@dataclass(frozen=True, slots=True)
class MaintenanceRow:
    name: str
    number: str
    owed: str


@dataclass(frozen=True, slots=True)
class MaintenanceView:
    """Maintenance of a month, apart from electricity."""

    posted: str
    collected: str
    outstanding: str
    """At the end of the month, or by now."""
    owing: list[MaintenanceRow]


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    printed: str
    flat: str
    kind: str
    at: str
    amount: str
    state: str


@dataclass(frozen=True, slots=True)
class SocietyMoneyPage:
    title: str
    month: str
    chosen: str
    """The month as an address has it, `2026-02`."""
    collected: str
    payers: int
    limit: str
    """As typed, in major units."""
    low: list[MoneyRow]
    defaulters: list[MoneyRow]
    receipts: list[ReceiptLine]
    maintenance: MaintenanceView | None
    """None where no flat ever had a due."""
    post: str
    """Address of the form that posts maintenance dues; empty where the caller may not."""
    over: bool
    """Whether the month has ended, so that it has a sheet."""


def premise_of(premise_id: int, caller: Caller, now: datetime) -> PremiseRow | None:
    """Return a society, or None where the caller may not see its money."""
    area = caller.must(Read.SOCIETY_MONEY)
    found = premises.premise(premise_id)
    return found if found is not None and areas.holds_premise(area, premise_id, now) else None


def may_see_money(caller: Caller) -> bool:
    """Whether the caller may see the money of a society somewhere."""
    return caller.area(Read.SOCIETY_MONEY) is not None


def limit_of(text: str) -> tuple[str, int]:
    """Parse a typed limit in major units; anything else gives 0. Returns it as text and in minor units."""
    try:
        limit = Decimal(text.strip())
        minor = int(limit.scaleb(formats.currency_decimals()).to_integral_value())
    except (ArithmeticError, ValueError):
        return "0", 0
    return (f"{limit:f}", minor) if abs(minor) < 10**12 else ("0", 0)


def is_over(month: date, now: datetime) -> bool:
    """Return whether an accounting month has ended."""
    return month < local_day(now, zone()).replace(day=1)


def society_money_page(
    premise: PremiseRow, month: date, limit: tuple[str, int], caller: Caller, now: datetime
) -> SocietyMoneyPage:
    """Return a society's money in a month, and its low balances, dues and receipts by now."""
    flats = _read(premise, month, caller, now)
    current = [flat for flat in flats if flat.is_current]
    accounts = {flat.account_id: flat for flat in flats}
    beside = maintenance.of_month(accounts, month)
    paid_to = accounts | {one.account_id: accounts[one.electricity_id] for one in beside}
    receipts = counter.receipts_of(paid_to, MOST_RECEIPTS)
    return SocietyMoneyPage(
        title=premise.name,
        month=formats.month(month),
        chosen=f"{month:%Y-%m}",
        collected=_collected(flats),
        payers=sum(1 for flat in flats if flat.received_minor),
        limit=limit[0],
        low=[_row(flat) for flat in current if flat.balance_minor < limit[1]],
        defaulters=[_row(flat) for flat in flats if flat.balance_minor < 0 or flat.dues_minor > 0],
        receipts=[
            _receipt(one, paid_to[one.account_id], now)
            for one in receipts
            if local_day(one.received_at, zone()).replace(day=1) == month
        ],
        maintenance=_maintenance(beside, accounts) if beside else None,
        post=_post_address(premise, month, caller),
        over=is_over(month, now),
    )


def _post_address(premise: PremiseRow, month: date, caller: Caller) -> str:
    """Return the form that posts the dues of a month to this society, filled in."""
    kind = PostMaintenance.kind()
    if premise.kind != PremiseKind.SOCIETY or not premise.code or caller.area(write_scope(kind)) is None:
        return ""
    filled = urlencode({"premise_code": premise.code, "month": month.isoformat()})
    return f"{reverse('console:operation', args=[kind])}?{filled}"


def _maintenance(beside: list[FlatMaintenance], flats: Mapping[int, FlatMoney]) -> MaintenanceView:
    return MaintenanceView(
        posted=_total((one.due_minor, one.currency) for one in beside),
        collected=_total((one.paid_minor, one.currency) for one in beside),
        outstanding=_total((one.closing_minor, one.currency) for one in beside),
        owing=[
            MaintenanceRow(_name(flat), flat.number, formats.money(one.closing_minor, one.currency))
            for one in beside
            for flat in [flats[one.electricity_id]]
            if one.closing_minor > 0
        ],
    )


def _week_began(now: datetime) -> datetime:
    """Return the start of the local week (Monday) of an instant, in UTC."""
    today = local_day(now, zone())
    return midnight(today - timedelta(days=today.weekday()), zone())


def _read(premise: PremiseRow, month: date, caller: Caller, now: datetime) -> list[FlatMoney]:
    """Return the flats of a society, after it is recorded whose balances are read."""
    points = premises.service_points(premise.id, "consumer_number")
    flats = society_money.flats([point.id for point in points], month, _week_began(now))
    people = {flat.consumer_id for flat in flats if flat.consumer_id is not None}
    record_personal_reads(caller, sorted(people), "console society money", now)
    return flats


def _collected(flats: Sequence[FlatMoney]) -> str:
    """Return the payments; where there is gas beside electricity, each by itself."""
    of = {
        commodity: _total(
            (flat.received_minor, flat.currency) for flat in flats if flat.commodity == commodity
        )
        for commodity in sorted({flat.commodity for flat in flats})
    }
    return wording.by_commodity(of)


def _total(amounts: Iterable[tuple[int, str]]) -> str:
    """Return the sum of amounts; one for each currency."""
    found: dict[str, int] = {}
    for minor, currency in amounts:
        found[currency] = found.get(currency, 0) + minor
    return ", ".join(formats.money(total, currency) for currency, total in found.items()) or formats.money(0)


def _name(flat: FlatMoney) -> str:
    name = (
        flat.flat
        if flat.commodity == Commodity.ELECTRICITY
        else f"{flat.flat}, {wording.choice(flat.commodity)}"
    )
    return name if flat.is_current else _("%(flat)s (former agreement)") % {"flat": name}


def _row(flat: FlatMoney) -> MoneyRow:
    return MoneyRow(
        _name(flat),
        flat.number,
        formats.money(flat.balance_minor, flat.currency),
        formats.money(flat.dues_minor, flat.currency),
    )


def _receipt(one: ReceiptRow, flat: FlatMoney, now: datetime) -> ReceiptLine:
    return ReceiptLine(
        one.printed,
        flat.flat,
        f"{wording.choice(one.instrument)}, {_('for maintenance')}"
        if one.for_maintenance
        else wording.choice(one.instrument),
        moment_of(one.received_at, now),
        formats.money(one.amount_minor, one.currency),
        wording.choice(one.state),
    )


HEADS: Final = (
    "consumer_number", "tower", "flat", "commodity", "currency", "opening", "charged", "received", "other", "closing",
    "maintenance_opening", "maintenance_due", "maintenance_paid", "maintenance_closing",
)  # fmt: skip
_TEXTS: Final = 5

type Cells = list[str | Decimal]


def sheet_rows(premise: PremiseRow, month: date, caller: Caller, now: datetime) -> list[Cells]:
    """Return the month-end sheet without its heading: a row for each account, amounts exact in major units."""
    flats = _read(premise, month, caller, now)
    beside = {
        one.electricity_id: one for one in maintenance.of_month((flat.account_id for flat in flats), month)
    }
    return [_cells(flat, beside.get(flat.account_id)) for flat in flats]


def _cells(flat: FlatMoney, beside: FlatMaintenance | None) -> Cells:
    """Return a row: electricity, then what is owed for maintenance, each adding up by itself."""
    decimals = get_currency_precision(flat.currency)
    amounts = (
        flat.opening_minor,
        flat.charged_minor,
        flat.received_minor,
        flat.other_minor,
        flat.closing_minor,
        *(
            (beside.opening_minor, beside.due_minor, beside.paid_minor, beside.closing_minor)
            if beside
            else (0, 0, 0, 0)
        ),
    )
    return [
        flat.number,
        flat.tower,
        flat.flat,
        flat.commodity,
        flat.currency,
        *(Decimal(amount).scaleb(-decimals) for amount in amounts),
    ]


def csv_of(rows: Iterable[Cells]) -> str:
    """Return the sheet as CSV; texts that a spreadsheet would run as a formula are escaped."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADS)
    for row in rows:
        writer.writerow([with_apostrophe(cell) if isinstance(cell, str) else f"{cell:f}" for cell in row])
    return file.getvalue()


def excel_of(rows: Iterable[Cells]) -> bytes:
    """Return the sheet as an Excel workbook: amounts are numbers, texts are never formulas."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADS)
    for row in rows:
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value)  # type: ignore[arg-type] # openpyxl writes a Decimal exactly
            if isinstance(value, str):
                cell.data_type = "s"
            else:
                cell.number_format = "#,##0.00"
            cells.append(cell)
        sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
