"""Where each rupee that was taken is: in a drawer, on its way, at the gateway, in the bank, a fee, or unexplained. Pure.

Three records are compared: what the ledger says was taken, what was brought or paid out to the bank, and the entries
of the bank's statements. Each taking is split into parts, and the parts of a taking sum to it. What does not fit is a
break with its amount.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from typing import Final


class Kind(Enum):
    """How an amount was taken."""

    CASH = "cash"
    CHEQUE = "cheque"
    GATEWAY = "gateway"
    TRANSFER = "transfer"


class Bucket(Enum):
    """Where an amount is."""

    IN_DRAWER = "in_drawer"
    IN_TRANSIT = "in_transit"
    """Brought to the bank, or paid out by the gateway, and not due on a statement yet."""
    AT_GATEWAY = "at_gateway"
    IN_BANK = "in_bank"
    FEES = "fees"
    UNEXPLAINED = "unexplained"


class Reason(Enum):
    """What a break is."""

    MISSING_DEPOSIT = "missing_deposit"
    SHORT_DEPOSIT = "short_deposit"
    MISSING_PAYOUT = "missing_payout"
    OTHER_PAYOUT = "other_payout"
    FEE_DIFFERS = "fee_differs"
    UNCLAIMED = "unclaimed"
    DOUBLED_CREDIT = "doubled_credit"
    CHEQUE_RETURNED = "cheque_returned"
    STATEMENT_GAP = "statement_gap"
    DRAWER_DIFFERENCE = "drawer_difference"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what was taken on a day, in minor units."""

    on: date
    kind: Kind
    bucket: Bucket
    amount_minor: int


@dataclass(frozen=True, slots=True)
class TrailBreak:
    """Something that does not fit, with its amount in minor units."""

    reason: Reason
    subject: str
    on: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Drawer:
    """A drawer's cash, in minor units."""

    name: str
    on: date
    cash_minor: int
    """Cash receipts."""
    float_minor: int
    held_minor: int
    """Cash that was not brought to the bank, the opening cash included."""
    difference_minor: int
    """Of its count: below zero where cash is missing."""


@dataclass(frozen=True, slots=True)
class Cheque:
    """A cheque that was not cancelled."""

    name: str
    on: date
    amount_minor: int
    returned: bool = False
    """Whether it is recorded as returned here: then nothing of it was taken."""


@dataclass(frozen=True, slots=True)
class Slip:
    """What was brought to the bank with one slip: cash by the day on which its drawer was opened, and cheques."""

    name: str
    on: date
    cash: tuple[tuple[date, int], ...]
    cheques: tuple[Cheque, ...]


@dataclass(frozen=True, slots=True)
class GatewayTaking:
    """Payments less refunds of one day in one settlement, or in none, in minor units."""

    on: date
    settlement: str | None
    amount_minor: int
    fee_minor: int
    net_minor: int
    """What the settlement's rows say of them."""


@dataclass(frozen=True, slots=True)
class Payout:
    """A settlement that the gateway reports, with the entry that has its reference where one does."""

    settlement: str
    on: date
    net_minor: int
    entry_id: int | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A credit of the ledger by an entry of a statement, less what was taken back."""

    on: date
    amount_minor: int
    entry_id: int


@dataclass(frozen=True, slots=True)
class BankEntry:
    """An entry of a statement, in minor units."""

    id: int
    on: date
    amount_minor: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """All three records, as far as they are compared."""

    drawers: Sequence[Drawer] = ()
    cheques_in_hand: Sequence[Cheque] = ()
    slips: Sequence[Slip] = ()
    gateway: Sequence[GatewayTaking] = ()
    payouts: Sequence[Payout] = ()
    transfers: Sequence[Transfer] = ()
    entries: Sequence[BankEntry] = ()
    reversed_entries: frozenset[int] = frozenset()
    """Entries that pay in and were taken back by the bank, and those that took them back."""
    gaps: Sequence[tuple[date, date, int]] = ()
    """Last day before and first day after a missing statement, and the difference of their balances."""
    covered_through: date | None = None
    """Last day of the statements."""


@dataclass(frozen=True, slots=True)
class MoneyTrail:
    """All parts and breaks."""

    parts: tuple[Part, ...]
    breaks: tuple[TrailBreak, ...]
    unclaimed_minor: int
    """Payments on statements that neither a taking nor a payout explains."""

    @property
    def taken_minor(self) -> int:
        return sum(part.amount_minor for part in self.parts)

    def totals(self) -> dict[Bucket, int]:
        """Return the minor units in each bucket."""
        return {
            bucket: sum(part.amount_minor for part in self.parts if part.bucket is bucket)
            for bucket in Bucket
        }

    def by_day(self) -> dict[date, dict[Bucket, int]]:
        """Return the minor units in each bucket of each day on which something was taken, the newest day first."""
        days: defaultdict[date, dict[Bucket, int]] = defaultdict(lambda: dict.fromkeys(Bucket, 0))
        for part in self.parts:
            days[part.on][part.bucket] += part.amount_minor
        return dict(sorted(days.items(), reverse=True))


DUE_WITHIN: Final = timedelta(days=5)
"""Time within which a deposit or payout is on a statement: over a weekend and a holiday."""
BOOKED_BEFORE: Final = timedelta(days=1)
RETURNED_WITHIN: Final = timedelta(days=30)
_RETURN: Final = ("ret", "rtn", "bounce", "dishon", "reject", "unpaid")
_SHORT_LEAST: Final = 2
"""A single smaller payment is the short one where it is more than a half of what was expected."""


def trail(records: Records) -> MoneyTrail:
    """Return where everything that was taken is, and what does not fit."""
    return _Trail(records).found()


@dataclass(slots=True)
class _Trail:
    records: Records
    parts: list[Part] = field(default_factory=list)
    breaks: list[TrailBreak] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    def found(self) -> MoneyTrail:
        records = self.records
        self.used |= records.reversed_entries
        self._transfers()
        statuses = self._payouts()
        for taking in records.gateway:
            self._gateway(taking, statuses)
        # Exact amounts of all slips first, then short ones: a short one must not take what is another's.
        open_parts = [
            part for slip in sorted(records.slips, key=lambda one: one.on) for part in self._slip(slip)
        ]
        for part in open_parts:
            self._short_or_missing(part)
        for drawer in records.drawers:
            self._drawer(drawer)
        for cheque in records.cheques_in_hand:
            if not cheque.returned:
                self._put(cheque.on, Kind.CHEQUE, Bucket.IN_DRAWER, cheque.amount_minor)
        for after, before, difference in records.gaps:
            self._break(Reason.STATEMENT_GAP, f"{after} to {before}", after, difference)
        left = [entry for entry in records.entries if entry.amount_minor > 0 and entry.id not in self.used]
        for entry in left:
            self._break(Reason.UNCLAIMED, f"entry {entry.id}", entry.on, entry.amount_minor)
        breaks = sorted(self.breaks, key=lambda one: (one.on, one.reason.value, one.subject))
        return MoneyTrail(tuple(self.parts), tuple(breaks), sum(entry.amount_minor for entry in left))

    def _put(self, on: date, kind: Kind, bucket: Bucket, amount_minor: int) -> None:
        if amount_minor:
            self.parts.append(Part(on, kind, bucket, amount_minor))

    def _break(self, reason: Reason, subject: str, on: date, amount_minor: int) -> None:
        self.breaks.append(TrailBreak(reason, subject, on, amount_minor))

    def _due(self, on: date) -> bool:
        through = self.records.covered_through
        return through is not None and through >= on + DUE_WITHIN

    def _free(self, on: date, amounts: Iterable[int] | None = None) -> list[BankEntry]:
        """Return payments in the days after `on` that nothing explains yet, of these amounts or of any."""
        wanted = None if amounts is None else set(amounts)
        return [
            entry
            for entry in self.records.entries
            if entry.amount_minor > 0
            and entry.id not in self.used
            and on - BOOKED_BEFORE <= entry.on <= on + DUE_WITHIN
            and (wanted is None or entry.amount_minor in wanted)
        ]

    def _take(self, on: date, amount_minor: int) -> BankEntry | None:
        found = min(self._free(on, [amount_minor]), key=lambda entry: (entry.on, entry.id), default=None)
        if found is not None:
            self.used.add(found.id)
        return found

    def _transfers(self) -> None:
        """Credits by statements are in the bank once; what an entry was credited beyond its amount is a break."""
        amounts = {entry.id: entry.amount_minor for entry in self.records.entries}
        for transfer in self.records.transfers:
            room = 0 if transfer.entry_id in self.used else amounts.get(transfer.entry_id, 0)
            self.used.add(transfer.entry_id)
            self._put(transfer.on, Kind.TRANSFER, Bucket.IN_BANK, room)
            self._put(transfer.on, Kind.TRANSFER, Bucket.UNEXPLAINED, transfer.amount_minor - room)
            if transfer.amount_minor != room:
                self._break(
                    Reason.DOUBLED_CREDIT,
                    f"entry {transfer.entry_id}",
                    transfer.on,
                    transfer.amount_minor - room,
                )

    def _payouts(self) -> dict[str, Bucket]:
        """Return where each settlement is; a payout of another amount is a part of its own."""
        amounts = {entry.id: entry.amount_minor for entry in self.records.entries}
        statuses = {}
        # Those with a reference of their own first.
        for payout in sorted(self.records.payouts, key=lambda one: (one.entry_id is None, one.on)):
            entry_id = payout.entry_id
            if entry_id is None or entry_id in self.used:
                found = self._take(payout.on, payout.net_minor)
                entry_id = None if found is None else found.id
            if entry_id is not None:
                self.used.add(entry_id)
                statuses[payout.settlement] = Bucket.IN_BANK
                difference = payout.net_minor - amounts[entry_id]
                if difference:
                    self._put(payout.on, Kind.GATEWAY, Bucket.IN_BANK, -difference)
                    self._put(payout.on, Kind.GATEWAY, Bucket.UNEXPLAINED, difference)
                    self._break(Reason.OTHER_PAYOUT, payout.settlement, payout.on, difference)
            elif self._due(payout.on):
                statuses[payout.settlement] = Bucket.UNEXPLAINED
                self._break(Reason.MISSING_PAYOUT, payout.settlement, payout.on, payout.net_minor)
            else:
                statuses[payout.settlement] = Bucket.IN_TRANSIT
        return statuses

    def _gateway(self, taking: GatewayTaking, statuses: dict[str, Bucket]) -> None:
        if taking.settlement is None:
            self._put(taking.on, Kind.GATEWAY, Bucket.AT_GATEWAY, taking.amount_minor)
            return
        bucket = statuses.get(taking.settlement, Bucket.UNEXPLAINED)
        self._put(taking.on, Kind.GATEWAY, bucket, taking.net_minor)
        self._put(taking.on, Kind.GATEWAY, Bucket.FEES, taking.fee_minor)
        difference = taking.amount_minor - taking.fee_minor - taking.net_minor
        self._put(taking.on, Kind.GATEWAY, Bucket.UNEXPLAINED, difference)
        if difference:
            self._break(Reason.FEE_DIFFERS, taking.settlement, taking.on, difference)

    def _slip(self, slip: Slip) -> "list[_Deposited]":
        """Place what the bank has with its exact amounts, and return the rest."""
        cheques = [cheque for cheque in slip.cheques if not cheque.returned]
        for cheque in slip.cheques:
            if cheque.returned:
                self._returned(cheque, slip)
        cash = sum(amount for _on, amount in slip.cash)
        whole = cash + sum(cheque.amount_minor for cheque in cheques)
        if cheques and cash and self._take(slip.on, whole) is not None:
            self._place(slip.cash, Kind.CASH, Bucket.IN_BANK)
            for cheque in cheques:
                self._cheque_in_bank(cheque, slip)
            return []
        rest = []
        if cash:
            if self._take(slip.on, cash) is not None:
                self._place(slip.cash, Kind.CASH, Bucket.IN_BANK)
            else:
                rest.append(_Deposited(slip.name, slip.on, Kind.CASH, slip.cash))
        total = sum(cheque.amount_minor for cheque in cheques)
        together = len(cheques) > 1 and self._take(slip.on, total) is not None
        for cheque in cheques:
            if together or self._take(slip.on, cheque.amount_minor) is not None:
                self._cheque_in_bank(cheque, slip)
            else:
                rest.append(
                    _Deposited(cheque.name, slip.on, Kind.CHEQUE, ((cheque.on, cheque.amount_minor),))
                )
        return rest

    def _returned(self, cheque: Cheque, slip: Slip) -> None:
        """Leave out what the bank credited and took back of a cheque that is recorded as returned."""
        debit = next(iter(self._debits(cheque, slip)), None)
        if debit is not None and self._take(slip.on, cheque.amount_minor) is not None:
            self.used.add(debit.id)

    def _debits(self, cheque: Cheque, slip: Slip) -> Iterable[BankEntry]:
        """Yield entries by which the bank takes a cheque of this amount back."""
        for entry in self.records.entries:
            if (
                entry.amount_minor == -cheque.amount_minor
                and entry.id not in self.used
                and slip.on <= entry.on <= slip.on + RETURNED_WITHIN
                and any(word in entry.text.lower() for word in _RETURN)
            ):
                yield entry

    def _place(self, amounts: Iterable[tuple[date, int]], kind: Kind, bucket: Bucket) -> None:
        for on, amount in amounts:
            self._put(on, kind, bucket, amount)

    def _cheque_in_bank(self, cheque: Cheque, slip: Slip) -> None:
        """Place a cheque that the bank has paid; where the bank alone knows that it was returned, it is a break."""
        debit = next(iter(self._debits(cheque, slip)), None)
        if debit is not None:
            self.used.add(debit.id)
            self._put(cheque.on, Kind.CHEQUE, Bucket.UNEXPLAINED, cheque.amount_minor)
            self._break(Reason.CHEQUE_RETURNED, cheque.name, debit.on, cheque.amount_minor)
            return
        self._put(cheque.on, Kind.CHEQUE, Bucket.IN_BANK, cheque.amount_minor)

    def _short_or_missing(self, part: "_Deposited") -> None:
        if not self._due(part.on):
            self._place(part.amounts, part.kind, Bucket.IN_TRANSIT)
            return
        total = sum(amount for _on, amount in part.amounts)
        smaller = [
            entry
            for entry in self._free(part.on)
            if total < entry.amount_minor * _SHORT_LEAST and entry.amount_minor < total
        ]
        if len(smaller) != 1:
            self._place(part.amounts, part.kind, Bucket.UNEXPLAINED)
            self._break(Reason.MISSING_DEPOSIT, part.name, part.on, total)
            return
        (entry,) = smaller
        self.used.add(entry.id)
        missing = total - entry.amount_minor
        self._place(part.amounts, part.kind, Bucket.IN_BANK)
        last_on = part.amounts[-1][0]
        self._put(last_on, part.kind, Bucket.IN_BANK, -missing)
        self._put(last_on, part.kind, Bucket.UNEXPLAINED, missing)
        self._break(Reason.SHORT_DEPOSIT, part.name, part.on, missing)

    def _drawer(self, drawer: Drawer) -> None:
        """Place the cash that was not brought to the bank: what is held, less the opening cash and what was counted over."""
        self._put(drawer.on, Kind.CASH, Bucket.IN_DRAWER, drawer.held_minor - drawer.float_minor)
        self._put(drawer.on, Kind.CASH, Bucket.UNEXPLAINED, -drawer.difference_minor)
        if drawer.difference_minor:
            self._break(Reason.DRAWER_DIFFERENCE, drawer.name, drawer.on, -drawer.difference_minor)


@dataclass(frozen=True, slots=True)
class _Deposited:
    """Cash or a cheque of a slip that no entry has with its exact amount."""

    name: str
    on: date
    kind: Kind
    amounts: tuple[tuple[date, int], ...]
