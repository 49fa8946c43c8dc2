"""Pages of the counter: a cashier's drawer with its receipts, and the count at its closing."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy as _

from urja.apps.approvals import queries as approvals
from urja.apps.contracts import queries as contracts
from urja.apps.counter import queries as counter
from urja.apps.counter.kinds import Instrument, ReceiptState
from urja.apps.counter.queries import DrawerRow, ReceiptRow
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read, write_scope
from urja.apps.identity.requests import record_personal_reads
from urja.apps.journal import queries as journal, requests
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.queries import Requested
from urja.apps.maintenance import queries as maintenance
from urja.apps.overviews.queries import service_points
from urja.base.untyped_values import JsonMapping, JsonObject
from urja.usecases.kinds import Operation
from urja.usecases.kinds.counter import (
    CancelReceipt,
    ClearCheque,
    CloseDrawer,
    DepositTakings,
    OpenDrawer,
    ReturnCheque,
    TakeReceipt,
)
from urja.web.console import wording
from urja.web.console.actor_names import names_of
from urja.web.console.fields import (
    Input,
    fields_of,
    form_values,
    inputs,
    parse_form,
)
from urja.web.console.operation_page import allowed_operation, own_request
from urja.web.console.time_formats import moment_of
from urja.web.shared import formats, receipt_words

NOTES: Final = (500, 200, 100, 50, 20, 10, 5, 2, 1)
"""Values of notes and coins to be counted, in the currency's major unit."""

STATES: Final[dict[tuple[str, str], Promise]] = {
    (Instrument.CHEQUE, ReceiptState.TAKEN): _("not cleared"),
    (Instrument.CHEQUE, ReceiptState.CLEARED): _("cleared"),
    (Instrument.CHEQUE, ReceiptState.RETURNED): _("returned"),
    (Instrument.CHEQUE, ReceiptState.CANCELLED): _("cancelled"),
    (Instrument.CASH, ReceiptState.CANCELLED): _("cancelled"),
    (Instrument.TRANSFER, ReceiptState.RETURNED): _("returned"),
}
OPENED: Final = frozenset({OpenDrawer.kind(), TakeReceipt.kind(), CloseDrawer.kind(), DepositTakings.kind()})
"""Operations that these pages request."""


@dataclass(frozen=True, slots=True)
class Line:
    """A receipt in a list."""

    printed: str
    number: str
    amount: str
    detail: str
    href: str
    cancel: str
    """Address of the form that cancels it; empty where that is not possible."""
    clear: str
    give_back: str


@dataclass(frozen=True, slots=True)
class DrawerView:
    """A drawer with its totals in words."""

    id: int
    title: str
    href: str
    cashier: str
    opened: str
    until: str
    late: bool
    closed: str
    room: str
    totals: list[tuple[str, str]]
    difference: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Payer:
    """The consumer that a payment is about to be taken from."""

    name: str
    number: str
    place: str
    maintenance: str
    """What is owed for maintenance; empty where none was ever posted."""
    receipts: list[Line]
    """The newest receipts of both accounts, to print again."""


@dataclass(frozen=True, slots=True)
class CounterPage:
    drawer: DrawerView | None
    """The caller's own open drawer."""
    inputs: list[Input]
    """Of a receipt where a drawer is open, else of its opening; empty where the caller may not."""
    details: list[Input]
    """Inputs that a payment in cash does not need."""
    kind: str
    payer: Payer | None
    lines: list[Line]
    others: list[DrawerView]
    """Other cashiers' drawers, the newest first, for callers everywhere."""
    faults: list[str]
    waiting: bool
    key: str
    """Names this form, so that a second press of its button takes no second payment."""
    deposits: bool
    without_passkey: bool
    """Whether the caller needs a passkey to open a drawer, and has none."""


def may_see(caller: Caller) -> bool:
    """Whether a caller may see the counter at all."""
    return caller.area(Read.COUNTER) is not None


def sees_all(caller: Caller) -> bool:
    """Whether a caller may see all drawers and slips."""
    area = caller.area(Read.COUNTER)
    return area is not None and area.everywhere


def counter_page(
    caller: Caller,
    now: datetime,
    typed: Mapping[str, str],
    *,
    errors: Mapping[str, str] | None = None,
    faults: Iterable[str] = (),
    waiting: bool = False,
) -> CounterPage:
    """Return a cashier's page: the open drawer with a form for a receipt, or the form that opens one."""
    own = None if caller.user_id is None else counter.open_drawer_of(caller.user_id)
    operation: type[Operation] = OpenDrawer if own is None else TakeReceipt
    may = caller.area(write_scope(operation.kind())) is not None
    filled = (
        inputs(operation, form_values(operation, {}) | _defaults(operation) | dict(typed), errors or {})
        if may
        else []
    )
    if operation is TakeReceipt and not maintenance.is_in_use():
        filled = [one for one in filled if one.name != "paid_for"]
    first = next((at for at, one in enumerate(filled, 1) if one.name == "instrument"), len(filled))
    others = counter.newest_drawers(20) if sees_all(caller) else []
    names = names_of({f"user {one.cashier_id}" for one in others})
    return CounterPage(
        drawer=None if own is None else drawer_view(own, now),
        inputs=filled[:first],
        details=filled[first:],
        kind=operation.kind(),
        payer=_payer(typed.get("consumer_number", ""), caller, now) if own is not None else None,
        lines=[] if own is None else [receipt_line(one, caller, now) for one in counter.receipts_in(own.id)],
        others=[drawer_view(one, now, names) for one in others if own is None or one.id != own.id],
        faults=[wording.sentence(fault) for fault in faults],
        waiting=waiting,
        key=secrets.token_hex(20),
        deposits=sees_all(caller),
        without_passkey=own is None
        and may
        and caller.user_id is not None
        and not approvals.active_passkeys(caller.user_id),
    )


def _defaults(operation: type[Operation]) -> dict[str, str]:
    return {
        field.name: "" if field.default in (None, 0) else str(field.default)
        for field in fields_of(operation)
        if isinstance(field.default, str | int | None)
    }


def _payer(number: str, caller: Caller, now: datetime) -> Payer | None:
    """Return whom a payment is taken for, recorded as a read of personal data."""
    area = caller.area(Read.CONSUMER)
    place = service_points.service_point(number, area, now) if area is not None and number else None
    if place is None:
        return None
    agreements = contracts.of_service_point(place.id)
    consumer = agreements[0].customer_id if agreements else None
    people = (
        service_points.people_of([agreements[0].account_id], [consumer] if consumer else [])
        if agreements
        else []
    )
    record_personal_reads(caller, [one.id for one in people], "console counter", now)
    owed = maintenance.maintenance_of(agreements[0].account_id) if agreements else None
    accounts = [agreements[0].account_id] if agreements else []
    return Payer(
        ", ".join(one.name for one in people),
        number,
        wording.service_point_name(place.premise.name, number),
        gettext("Maintenance owed: %(amount)s") % {"amount": formats.money(owed.owed_minor, owed.currency)}
        if owed
        else "",
        [
            receipt_line(one, caller, now)
            for one in counter.receipts_of([*accounts, *([owed.account_id] if owed else [])], 5)
        ],
    )


def drawer_view(row: DrawerRow, now: datetime, names: Mapping[str, str] | None = None) -> DrawerView:
    """Return a drawer in words."""
    money = money_of(row.currency)
    totals = [
        (gettext("Ceiling"), money(row.ceiling_minor)),
        (gettext("Cash at the opening"), money(row.float_minor)),
        (gettext("Cash received"), money(row.cash_minor)),
        (gettext("Cheques received"), money(row.cheques_minor)),
        (gettext("Deposited from it"), money(row.deposited_minor)),
    ]
    if row.counted_minor is None:
        totals.append((gettext("Cash that should be in it"), money(row.expected_minor)))
    else:
        totals += [
            (gettext("Counted"), money(row.counted_minor)),
            (gettext("Not deposited yet"), money(row.held_minor)),
        ]
    difference = row.difference_minor or 0
    return DrawerView(
        id=row.id,
        title=gettext("Drawer %(number)s") % {"number": row.id},
        href=reverse("console:drawer", args=[row.id]),
        cashier=(names or {}).get(f"user {row.cashier_id}", ""),
        opened=moment_of(row.opened_at, now),
        until=moment_of(row.expires_at, now),
        late=row.closed_at is None and now >= row.expires_at,
        closed=moment_of(row.closed_at, now) if row.closed_at else "",
        room=money(max(row.room_minor, 0)),
        totals=totals,
        difference=formats.money(difference, row.currency, signed=True) if difference else "",
        explanation=row.explanation,
    )


def money_of(currency: str) -> Callable[[int], str]:
    """Return the function that writes an amount in minor units of a currency."""
    return lambda minor: formats.money(minor, currency)


def receipt_line(row: ReceiptRow, caller: Caller, now: datetime) -> Line:
    """Return a receipt as a row of a drawer, with the operations on it that the caller may request."""
    said = [receipt_words.instrument(row)]
    if row.for_maintenance:
        said.append(gettext("for maintenance"))
    if row.cheque_number:
        said.append(f"{row.cheque_number}, {row.cheque_bank}")
    state = STATES.get((row.instrument, row.state))
    if state is not None:
        said.append(str(state))
    pending = row.instrument == Instrument.CHEQUE and row.deposit_id is not None
    return Line(
        printed=row.printed,
        number=row.consumer_number,
        amount=formats.money(row.amount_minor, row.currency),
        detail=" · ".join([moment_of(row.received_at, now), *said]),
        href=reverse("console:receipt", args=[row.id]),
        cancel=_form(CancelReceipt, row, caller)
        if row.state == ReceiptState.TAKEN and row.deposit_id is None and row.drawer_id is not None
        else "",
        clear=_form(ClearCheque, row, caller) if pending and row.state == ReceiptState.TAKEN else "",
        give_back=_form(ReturnCheque, row, caller)
        if pending and row.state in {ReceiptState.TAKEN, ReceiptState.CLEARED}
        else "",
    )


def _form(operation: type[Operation], row: ReceiptRow, caller: Caller) -> str:
    if caller.area(write_scope(operation.kind())) is None:
        return ""
    return f"{reverse('console:operation', args=[operation.kind()])}?receipt_id={row.id}"


# -- requests --------------------------------------------------------------------------------------------------------


def request_of(number: str, caller: Caller) -> Requested | None:
    """Return the caller's own request that an address names, if it is one of the counter."""
    if not (number.isascii() and number.isdecimal() and len(number) <= 18):
        return None
    asked = own_request(int(number), caller)
    return asked if asked is not None and asked.kind in OPENED else None


def typed_of(request: Requested) -> dict[str, str]:
    """Return what was typed for a request."""
    kinds: dict[str, type[Operation]] = {one.kind(): one for one in (OpenDrawer, TakeReceipt)}
    operation = kinds.get(request.kind)
    return {} if operation is None else form_values(operation, request.content)


def submit_typed(
    kind: str, typed: Mapping[str, str], caller: Caller, now: datetime
) -> Requested | tuple[list[str], dict[str, str]]:
    """Submit the opening of a drawer or a receipt; return faults and errors by field where it cannot be."""
    operation: type[Operation] = OpenDrawer if kind == OpenDrawer.kind() else TakeReceipt
    content, errors = parse_form(operation, typed)
    if errors:
        return [gettext("Correct the marked fields.")], errors
    found = submit(operation, content, typed.get("key", ""), caller, now)
    return found if isinstance(found, Requested) else (found, {})


def submit(
    operation: type[Operation], content: JsonMapping, key: str, caller: Caller, now: datetime
) -> Requested | list[str]:
    """Submit an operation of the counter, once for a form; return the faults where it is refused at once."""
    asked = allowed_operation(operation, content, caller, now)
    if not isinstance(asked, Operation):
        return asked
    try:
        return requests.submit(
            asked,
            actor=caller.actor,
            requested_at=now,
            idempotency_key=f"counter:{caller.user_id}:{key[:40]}" if key else None,
        )
    except RefusedError as refused:
        return refused.faults


def outcome_of(request: Requested, name: str) -> int | None:
    """Return a number of what a request has made, once it is done."""
    done = journal.operation(request.operation_id) if request.state == RequestState.DONE else None
    return None if done is None else done.outcome.get(name)


# -- one drawer ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Count:
    """Pieces of one value."""

    name: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class DrawerPage:
    drawer: DrawerView
    lines: list[Line]
    counts: list[Count]
    """Inputs of the count; empty where the caller does not close it."""
    explanation: str
    faults: list[str]
    waiting: bool
    key: str


def drawer_page(
    row: DrawerRow,
    caller: Caller,
    now: datetime,
    *,
    typed: Mapping[str, str] | None = None,
    faults: Iterable[str] = (),
    waiting: bool = False,
) -> DrawerPage:
    """Return a drawer with its receipts and, while it is open, the form to count and close it."""
    closes = row.closed_at is None and caller.area(write_scope(CloseDrawer.kind())) is not None
    given = typed or {}
    counts = [
        Count(f"pieces_{value}", formats.money(_minor(value), row.currency), given.get(f"pieces_{value}", ""))
        for value in NOTES
    ]
    return DrawerPage(
        drawer=drawer_view(row, now, names_of({f"user {row.cashier_id}"})),
        lines=[receipt_line(one, caller, now) for one in counter.receipts_in(row.id)],
        counts=counts if closes else [],
        explanation=given.get("explanation", ""),
        faults=[wording.sentence(fault) for fault in faults],
        waiting=waiting,
        key=secrets.token_hex(20),
    )


def drawer_of(drawer_id: int, caller: Caller) -> DrawerRow | None:
    """Return a drawer that the caller may see: their own, or any for callers everywhere."""
    row = counter.drawer(drawer_id)
    return row if row is not None and (row.cashier_id == caller.user_id or sees_all(caller)) else None


def counted(typed: Mapping[str, str], drawer_id: int) -> JsonObject | list[str]:
    """Return the content of a closing from typed pieces, or what is wrong with them."""
    counts = []
    for value in NOTES:
        text = typed.get(f"pieces_{value}", "").strip()
        if not text:
            continue
        if not (text.isascii() and text.isdecimal() and len(text) <= 9):
            return [gettext("Pieces are whole numbers, such as 12.")]
        counts.append({"value_minor": _minor(value), "pieces": int(text)})
    return {"drawer_id": drawer_id, "counts": counts, "explanation": typed.get("explanation", "").strip()}


def typed_count(request: Requested) -> dict[str, str]:
    """Return the typed pieces of a refused closing."""
    unit = _minor(1)
    pieces = {f"pieces_{one['value_minor'] // unit}": str(one["pieces"]) for one in request.content["counts"]}
    return pieces | {"explanation": str(request.content.get("explanation", ""))}


def _minor(major: int) -> int:
    return major * int(10 ** formats.currency_decimals())
