"""Security deposits: demanded with a due date, charged to the account on that day, and given back.

A demand is charged as a debit of the kind `deposit` and is held from then on: the consumer pays it as the rest of the bill.
Where the supply becomes prepaid or its agreement ends, what is not due yet is withdrawn and what is held is given back, so that
nothing of a deposit is left in a prepaid balance.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db.models import Q, Sum

from urja.apps.billing import arrears as dues
from urja.apps.billing.models import Arrear, Deposit, DepositDemand
from urja.apps.books.kinds import DEPOSIT
from urja.apps.books.queries import unpaid_of_debits
from urja.apps.contracts.kinds import PaymentMode
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.local_zone import local_zone
from urja.base.ids import bucket_of
from urja.base.sentences import Sentence, say
from urja.core.arrears import instalment_due_on
from urja.core.calendar import local_day
from urja.usecases import side_effects
from urja.usecases.kinds import money
from urja.usecases.kinds.amounts import amount_text

MAX_DEPOSIT_MINOR: Final = 10**12
MAX_INSTALMENTS: Final = 120


def demand_faults(
    amount_minor: int, instalments: int, due_on: date | None, effective_on: date
) -> Iterator[Sentence]:
    """Yield why a security deposit cannot be demanded from a change to postpaid on."""
    if not 0 <= amount_minor < MAX_DEPOSIT_MINOR:
        yield say("a security deposit cannot be {deposit_minor}", deposit_minor=amount_text(amount_minor))
    if not 1 <= instalments <= MAX_INSTALMENTS:
        yield say(
            "a security deposit is paid in 1 to {most} instalments, not {asked}",
            most=MAX_INSTALMENTS,
            asked=instalments,
        )
    if due_on is not None and (not amount_minor or due_on < effective_on):
        yield say("give a due date only with a security deposit, and not before the change")
    if instalments > 1 and not amount_minor:
        yield say("give instalments of a security deposit only with its amount")


def hold(execution: Execution, agreement_id: int, amount_minor: int, taken_at: datetime) -> Deposit:
    """Record a security deposit of an agreement that was taken at an instant, and return it."""
    return Deposit.objects.create(
        id=next_id(bucket_of(agreement_id)),
        agreement_id=agreement_id,
        amount_minor=amount_minor,
        taken_at=taken_at,
        **execution.stamp,
    )


def first_due_on(due_on: date | None, effective_on: date) -> date:
    """Return when a deposit, or its first instalment, is due: a month after the change where the order does not say."""
    return due_on or instalment_due_on("month", effective_on, 1)


def demand(
    execution: Execution, agreement: Agreement, amount_minor: int, first: date, instalments: int
) -> None:
    """Demand a deposit in monthly instalments from a day on; each is rounded up, and the last is the remainder."""
    part, left = -(-amount_minor // instalments), amount_minor
    for number in range(instalments):
        if left:
            DepositDemand.objects.create(
                id=next_id(bucket_of(agreement.id)),
                agreement=agreement,
                amount_minor=min(part, left),
                due_on=instalment_due_on("month", first, number),
                **execution.stamp,
            )
        left -= min(part, left)


@dataclass(frozen=True, slots=True)
class Held:
    """Security deposits of an agreement that are held, in minor units."""

    here_minor: int = 0
    """Those that were charged to the account here, whether they were paid or not."""
    elsewhere_minor: int = 0

    def used(self, use: str) -> int:
        """Return what a conversion to prepaid gives back."""
        return self.here_minor + (0 if use == "keep" else self.elsewhere_minor)


def held(agreement_ids: Iterable[int]) -> dict[int, Held]:
    """Return the deposits that are held, by agreement; none without one."""
    here = Sum("amount_minor", filter=Q(demand__isnull=False), default=0)
    elsewhere = Sum("amount_minor", filter=Q(demand__isnull=True), default=0)
    kept = Deposit.objects.filter(agreement_id__in=list(agreement_ids), returned_at=None)
    return {
        agreement_id: Held(*sums)
        for agreement_id, *sums in kept.values_list("agreement_id").annotate(here=here, elsewhere=elsewhere)
    }


def unpaid(agreement: Agreement) -> int:
    """Return what the account owes of the deposits that were charged to it and are held, in minor units."""
    held_here = DepositDemand.objects.filter(
        agreement=agreement, deposit__returned_at=None, deposit__isnull=False
    )
    return unpaid_of_debits(
        agreement.account_id, [_debit_key(id_) for id_ in held_here.values_list("id", flat=True)]
    )


def _debit_key(demand_id: int) -> str:
    return f"deposit-demand:{demand_id}"


def settle(execution: Execution, agreement: Agreement, use: str | None = None) -> None:
    """Withdraw what is not due yet and give back what is held: where an agreement ends, to the dues and then to the balance.

    At a conversion to prepaid `use` says so of the deposits that were taken elsewhere: `arrears`, `balance` or `keep`. One
    that was charged here goes whole to the balance that it was taken off, where it may be unpaid.
    """
    # Locked before the deposits are read: one that is being charged at the moment is held then.
    waiting = DepositDemand.objects.select_for_update().filter(agreement=agreement, ended_at=None)
    for one in waiting.order_by("id"):
        execution.change(one, ended_at=execution.recorded_at)
    kept = Deposit.objects.filter(agreement=agreement, returned_at=None)
    charged_here = set(kept.filter(demand__isnull=False).values_list("id", flat=True))
    for deposit in kept.order_by("taken_at", "id"):
        left, is_whole = deposit.amount_minor, use is not None and deposit.id in charged_here
        if use == "keep" and not is_whole:
            continue
        if use != "balance" and not is_whole:
            left = _pay_arrears(execution, agreement.account_id, left)
        execution.change(deposit, returned_at=execution.recorded_at)
        if left:
            key = f"{DEPOSIT}:{deposit.id}:{execution.id}"
            side_effects.credit(execution, agreement.account_id, left, DEPOSIT, key)


def _pay_arrears(execution: Execution, account_id: int, amount_minor: int) -> int:
    """Pay an account's dues with an amount in minor units; return the remainder."""
    parts = dues.allocate_payment(account_id, amount_minor)
    bills = Arrear.objects.in_bulk([part.due.key for part in parts])
    for part in parts:
        bill = bills[part.due.key]
        execution.change(
            bill,
            surcharge_minor=bill.surcharge_minor - part.surcharge_minor,
            principal_minor=bill.principal_minor - part.principal_minor,
        )
    return amount_minor - sum(part.amount_minor for part in parts)


class ChargeDeposit(money.ChargeDeposit, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        demanded = self._demand()
        if demanded is None or demanded.ended_at is not None:
            yield say("there is no open demand {demand_id} for a security deposit", demand_id=self.demand_id)
            return
        if demanded.due_on > local_day(execution.recorded_at, local_zone()):
            yield say("the security deposit is due only on {due_on}", due_on=demanded.due_on)
        agreement = demanded.agreement
        ended = agreement.valid_to is not None
        if ended or agreement.terms_at(execution.recorded_at).payment_mode != PaymentMode.POSTPAID:
            yield say("a supply that is not postpaid owes no security deposit")

    def carry_out(self, execution: Execution) -> None:
        demanded = self._demand()
        assert demanded is not None, "its absence is a fault"
        agreement = demanded.agreement
        deposit = hold(execution, agreement.id, demanded.amount_minor, execution.recorded_at)
        execution.change(demanded, ended_at=execution.recorded_at, deposit=deposit)
        key = _debit_key(demanded.id)
        side_effects.debit(execution, agreement.account_id, deposit.amount_minor, DEPOSIT, DEPOSIT, key)
        execution.service_point_id = agreement.service_point_id
        execution.outcome |= {"account_id": agreement.account_id, "deposit_id": deposit.id}

    def _demand(self) -> DepositDemand | None:
        # Locked: a conversion that withdraws it at the same time comes before or after.
        locked = DepositDemand.objects.select_for_update(of=("self",)).select_related("agreement")
        return locked.filter(id=self.demand_id).first()
