"""Drawers, receipts and deposits as values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import BigIntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from urja.apps.books.kinds import AccountKind
from urja.apps.counter.kinds import CREDITED, Instrument, ReceiptState, credit_key, printed_number
from urja.apps.counter.models import Deposit, DepositCash, Drawer, Receipt


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A receipt; `amount_minor` in minor units of `currency`."""

    id: int
    printed: str
    """Its number as it is printed."""
    account_id: int
    for_maintenance: bool
    """Whether it is for maintenance, else for electricity."""
    consumer_number: str
    drawer_id: int | None
    instrument: str
    amount_minor: int
    currency: str
    received_at: datetime
    cheque_number: str
    cheque_bank: str
    cheque_date: date | None
    state: str
    state_at: datetime
    reason: str
    deposit_id: int | None
    actor: str
    credit_key: str
    """Idempotency key of its credit in the ledger."""

    @property
    def credited(self) -> bool:
        """Whether its amount is on the account."""
        return (self.instrument, self.state) in CREDITED


def _row(receipt: Receipt) -> ReceiptRow:
    return ReceiptRow(
        receipt.id,
        printed_number(receipt.series, receipt.number),
        receipt.account_id,
        receipt.account.kind == AccountKind.MAINTENANCE,
        receipt.consumer_number,
        receipt.drawer_id,
        receipt.instrument,
        receipt.amount_minor,
        receipt.account.currency,
        receipt.received_at,
        receipt.cheque_number,
        receipt.cheque_bank,
        receipt.cheque_date,
        receipt.state,
        receipt.state_at,
        receipt.reason,
        receipt.deposit_id,
        receipt.actor,
        receipt.source or credit_key(receipt.id),
    )


@dataclass(frozen=True, slots=True)
class DrawerRow:
    """A drawer with the totals of its receipts; amounts in minor units of `currency`."""

    id: int
    cashier_id: int
    premise_id: int | None
    currency: str
    ceiling_minor: int
    float_minor: int
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    closed_by: str
    counted_minor: int | None
    difference_minor: int | None
    explanation: str
    taken_minor: int
    """All receipts, cancelled ones included: what counts against the ceiling."""
    cash_minor: int
    """Cash receipts that were not cancelled."""
    cheques_minor: int
    """Cheques that were not cancelled."""
    deposited_minor: int
    """Cash that was brought to the bank."""
    deposited_open_minor: int
    """Of it, what was taken out before the count."""

    @property
    def expected_minor(self) -> int:
        """Cash that ought to be, or to have been, in it at the count, in minor units."""
        return self.float_minor + self.cash_minor - self.deposited_open_minor

    @property
    def held_minor(self) -> int:
        """Cash that is not at the bank yet, in minor units."""
        if self.counted_minor is None:
            return self.expected_minor
        return self.counted_minor - (self.deposited_minor - self.deposited_open_minor)

    @property
    def room_minor(self) -> int:
        return self.ceiling_minor - self.taken_minor


def _rows(drawers: QuerySet[Drawer], most: int | None = None) -> list[DrawerRow]:
    """Return drawers with their totals, in one statement however many they are."""
    receipts = Receipt.objects.filter(drawer=OuterRef("pk"))
    kept = receipts.exclude(state=ReceiptState.CANCELLED)
    deposited = DepositCash.objects.filter(drawer=OuterRef("pk"))
    found = drawers.filter(approval__isnull=False).annotate(
        taken=_sum(receipts),
        cash=_sum(kept.filter(instrument=Instrument.CASH)),
        cheques=_sum(kept.filter(instrument=Instrument.CHEQUE)),
        gone=_sum(deposited),
        gone_open=_sum(deposited.filter(from_open=True)),
    )
    return [
        DrawerRow(
            one.id,
            one.cashier_id,
            one.premise_id,
            one.currency,
            one.ceiling_minor,
            one.float_minor,
            one.opened_at,
            one.expires_at,
            one.closed_at,
            one.closed_by,
            one.counted_minor,
            one.difference_minor,
            one.explanation,
            one.taken,
            one.cash,
            one.cheques,
            one.gone,
            one.gone_open,
        )
        for one in found[:most]
    ]


def _sum(rows: QuerySet[Any]) -> Coalesce:
    of_drawer = rows.order_by().values("drawer").annotate(sum=Sum("amount_minor")).values("sum")
    return Coalesce(Subquery(of_drawer, output_field=BigIntegerField()), 0)


def open_drawer_of(user_id: int) -> DrawerRow | None:
    """Return a cashier's drawer that is not closed, or None."""
    return next(iter(_rows(Drawer.objects.filter(cashier_id=user_id, closed_at=None))), None)


def drawer(drawer_id: int) -> DrawerRow | None:
    """Return a drawer, or None."""
    return next(iter(_rows(Drawer.objects.filter(id=drawer_id))), None)


def newest_drawers(most: int = 50) -> list[DrawerRow]:
    """Return the drawers that were opened last, the newest first."""
    return _rows(Drawer.objects.order_by("-opened_at", "-id"), most)


def drawers_with_cash() -> list[DrawerRow]:
    """Return drawers with cash that is not at the bank yet, the oldest first."""
    return [row for row in _rows(Drawer.objects.order_by("opened_at", "id")) if row.held_minor > 0]


def receipt(receipt_id: int) -> ReceiptRow | None:
    """Return a receipt, or None."""
    found = Receipt.objects.select_related("account").filter(id=receipt_id).first()
    return None if found is None else _row(found)


def receipts_in(drawer_id: int) -> list[ReceiptRow]:
    """Return the receipts of a drawer, the newest first."""
    found = Receipt.objects.select_related("account").filter(drawer_id=drawer_id)
    return [_row(one) for one in found.order_by("-received_at", "-id")]


def receipts_of(account_ids: Iterable[int], most: int = 50) -> list[ReceiptRow]:
    """Return the newest receipts of accounts."""
    found = Receipt.objects.select_related("account").filter(account_id__in=list(account_ids))
    return [_row(one) for one in found.order_by("-received_at", "-id")[:most]]


def unpaid_cheques(account_ids: Iterable[int]) -> int:
    """Return how many cheques of these accounts are taken, and neither cleared nor returned."""
    taken = Receipt.objects.filter(instrument=Instrument.CHEQUE, state=ReceiptState.TAKEN)
    return taken.filter(account_id__in=list(account_ids)).count()


def cheques_to_deposit() -> list[ReceiptRow]:
    """Return cheques that were not brought to the bank yet, the oldest first."""
    found = Receipt.objects.select_related("account").filter(
        instrument=Instrument.CHEQUE, state=ReceiptState.TAKEN, deposit=None
    )
    return [_row(one) for one in found.order_by("received_at", "id")]


@dataclass(frozen=True, slots=True)
class DepositRow:
    """A deposit slip; amounts in minor units of `currency`."""

    id: int
    number: int
    deposited_on: date
    reference: str
    currency: str
    cash_minor: int
    cash: tuple[tuple[int, int], ...]
    """Pairs of drawer and amount."""
    cheques: tuple[ReceiptRow, ...]
    actor: str

    @property
    def cheques_minor(self) -> int:
        return sum(one.amount_minor for one in self.cheques)

    @property
    def total_minor(self) -> int:
        return self.cash_minor + self.cheques_minor


def deposits(since: date | None = None, most: int = 200) -> list[DepositRow]:
    """Return deposit slips from a local day on, the newest first."""
    found = Deposit.objects.order_by("-number")
    if since is not None:
        found = found.filter(deposited_on__gte=since)
    return [_deposit_row(one) for one in found[:most]]


def deposit(deposit_id: int) -> DepositRow | None:
    """Return a deposit slip, or None."""
    found = Deposit.objects.filter(id=deposit_id).first()
    return None if found is None else _deposit_row(found)


def _deposit_row(slip: Deposit) -> DepositRow:
    cheques = Receipt.objects.select_related("account").filter(deposit=slip).order_by("id")
    return DepositRow(
        slip.id,
        slip.number,
        slip.deposited_on,
        slip.reference,
        slip.currency,
        slip.cash_minor,
        tuple(slip.cash.order_by("drawer_id").values_list("drawer_id", "amount_minor")),
        tuple(_row(one) for one in cheques),
        slip.actor,
    )


def premise_of_drawer(drawer_id: int) -> int | None:
    """Return the premise that a drawer takes receipts for; None where it is not limited, or where there is none."""
    return Drawer.objects.filter(id=drawer_id).values_list("premise_id", flat=True).first()


def account_of_receipt(receipt_id: int) -> int | None:
    """Return the account of a receipt, or None."""
    return Receipt.objects.filter(id=receipt_id).values_list("account_id", flat=True).first()
