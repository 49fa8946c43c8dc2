"""Conversion from postpaid to prepaid and back.

Dues of old bills are stored beside the balance of a converted supply: bill by bill, principal and surcharge apart,
each with its due date. The balance begins with what was not billed yet, so that nothing is owed twice. A plan of
instalments goes on in either mode. The policy sets how long a supply is not disconnected after a conversion to prepaid
(`credit.grace_days_after_conversion`), counted from `converted_at`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from urja.apps.billing.models import Arrear
from urja.apps.billing.queries import is_charged_before
from urja.apps.books.kinds import SET_APART
from urja.apps.books.models import Account
from urja.apps.contracts import mode_changes as orders
from urja.apps.contracts.kinds import PaymentMode
from urja.apps.contracts.mode_changes import OrderContent
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.operation import Execution, next_id
from urja.apps.local_zone import local_zone
from urja.base.ids import bucket_of
from urja.base.sentences import Sentence, say
from urja.base.untyped_values import JsonObject
from urja.core.calendar import local_day, midnight
from urja.usecases import deposits, side_effects
from urja.usecases.kinds import agreements
from urja.usecases.kinds.amounts import amount_text
from urja.usecases.kinds.decoding import decode
from urja.usecases.mode_change_figures import Figures, Manner, Target, summary
from urja.usecases.terms import ChangeOfTerms, tariff_faults

PATIENCE_DAYS: Final = 30
"""Days for which a change to prepaid waits for the register read that closes the day before it; then it is refused."""


class Conversion(agreements.Conversion, ChangeOfTerms):
    """The bills and the tariff of a conversion in either direction."""

    def _faults_of_tariff(self, agreement: Agreement, before: AgreementTerms) -> Iterator[str]:
        if self.tariff_code is not None:
            day = local_day(self.begins(agreement), local_zone())
            yield from tariff_faults(self.tariff_code, day, agreement, before)

    def _faults_of_bills(self, account: Account) -> Iterator[str]:
        numbers = [bill.bill for bill in self.bills]
        for number in sorted({number for number in numbers if numbers.count(number) > 1}):
            yield say("bill {number} is given twice", number=number)
        for number in Arrear.objects.filter(account=account, bill__in=numbers).values_list("bill", flat=True):
            yield say("bill {number} is among the dues already", number=number)
        for bill in self.bills:
            yield from dues_faults(bill)
            if bill.due_on > self.effective_on:
                yield say(
                    "bill {bill} is due on {due_on}, after the conversion: leave it out",
                    bill=bill.bill,
                    due_on=bill.due_on,
                )
        billed = sum(_total(bill) for bill in self.bills)
        owed, back = max(-account.balance_minor, 0), self._given_back()
        if not self.billed_here or not billed:
            return
        if billed > owed:
            yield say(
                "the bills come to {billed}, but the postings here owe only {owed}: set billed_here = false where another system billed them",
                billed=amount_text(billed),
                owed=amount_text(owed),
            )
        elif billed > (left := max(owed - back, 0)):
            # A bill of the deposit would become dues, and the deposit itself a credit of the same amount.
            yield say(
                "the bills come to {billed}, but only {left} is owed beside {back} of the security deposit, which is not paid and goes back to the balance: leave out bills of it",
                billed=amount_text(billed),
                left=amount_text(left),
                back=amount_text(back),
            )

    def _given_back(self) -> int:
        """Return what is owed of security deposits, in minor units, that the conversion gives back to the balance."""
        return 0

    def _set_apart(self, execution: Execution, account: Account) -> None:
        """Store the bills as dues; the amount of those that were posted here leaves the balance."""
        arrears = [_arrear(execution, account, bill) for bill in self.bills]
        billed = sum(_total(bill) for bill in self.bills)
        if self.billed_here and billed:
            side_effects.credit(execution, account.id, billed, SET_APART, f"{SET_APART}:{execution.id}")
        execution.outcome["arrears"] = [arrear.id for arrear in arrears]


class ConvertToPrepaid(agreements.ConvertToPrepaid, Conversion):
    """The supply waits as an order of its own where the day before is not closed for good."""

    def values(self) -> dict[str, object]:
        tariff = {} if self.tariff_code is None else {"tariff_code": self.tariff_code}
        return {"payment_mode": PaymentMode.PREPAID.value, **tariff}

    def faults_of(self, agreement: Agreement, before: AgreementTerms) -> Iterator[str]:
        if before.payment_mode == PaymentMode.PREPAID:
            yield already_fault(PaymentMode.PREPAID, self.consumer_number, self.effective_on)
        yield from self._faults_of_tariff(agreement, before)
        if self.credit_minor < 0:
            yield say(
                "a credit cannot be negative: {credit_minor}; give dues as bills",
                credit_minor=amount_text(self.credit_minor),
            )
        if self.credit_minor and self.bills:
            yield say("give either a credit or dues of the last bill, not both")
        yield from self._faults_of_bills(agreement.account)

    def _given_back(self) -> int:
        agreement = self.agreement()
        assert agreement is not None, "its absence is a fault"
        return deposits.unpaid(agreement)

    def carry_out(self, execution: Execution) -> None:
        agreement = self.agreement()
        assert agreement is not None, "its absence is a fault"
        if waits_for_read(agreement, self.effective_on, execution.recorded_at):
            self._wait(execution, agreement)
            return
        account = agreement.account
        super().carry_out(execution)
        terms = AgreementTerms.objects.get(agreement=agreement, valid_from=self.begins(agreement))
        execution.change(terms, converted_at=terms.valid_from)
        self._set_apart(execution, account)
        if self.credit_minor:
            side_effects.credit(
                execution, account.id, self.credit_minor, "opening-credit", f"opening-credit:{execution.id}"
            )
        # No security deposit is kept from a consumer who pays in advance (Electricity Act 2003, section 47(5)).
        deposits.settle(execution, agreement, self.deposit)

    def figures(self, agreement: Agreement) -> Figures:
        """Return what the conversion comes to now, for the report."""
        manner = Manner(PaymentMode.PREPAID, 0, self.deposit, 0)
        found = manner.figures([agreement], self.begins(agreement))[agreement.id]
        billed = sum(_total(bill) for bill in self.bills) if self.billed_here else 0
        return replace(found, set_apart_minor=billed)

    def _wait(self, execution: Execution, agreement: Agreement) -> None:
        """Make an order of this supply alone: the stage `mode_changes` performs this operation once the read is there."""
        if (other := orders.orders_of([agreement.id]).get(agreement.id)) is not None:
            raise RefusedError([in_order_fault(other)])
        target = Target(1, self.consumer_number, agreement, figures=self.figures(agreement))
        content = OrderContent(
            PaymentMode.PREPAID,
            self.effective_on,
            midnight(self.effective_on, local_zone()),
            None,
            "",
            {
                "tariff_code": self.tariff_code,
                "instalments": 0,
                "first_due_on": self.effective_on.isoformat(),
                "deposit": self.deposit,
                "deposit_minor": 0,
                "conversion": self.plain(),
            },
        )
        orders.make(
            execution.id, content, [target.row()], actor=execution.actor, asked_at=execution.recorded_at
        )
        execution.service_point_id = agreement.service_point_id
        execution.outcome |= {
            "agreement_id": agreement.id,
            "account_id": agreement.account_id,
            "mode_change_id": execution.id,
            "mode_change": summary([target]) | {"payment_mode": PaymentMode.PREPAID.value, "waits": True},
        }


class ConvertToPostpaid(agreements.ConvertToPostpaid, Conversion):
    def values(self) -> dict[str, object]:
        tariff = {} if self.tariff_code is None else {"tariff_code": self.tariff_code}
        return {"payment_mode": PaymentMode.POSTPAID.value, "converted_at": None, **tariff}

    def faults_of(self, agreement: Agreement, before: AgreementTerms) -> Iterator[str]:
        if before.payment_mode == PaymentMode.POSTPAID:
            yield already_fault(PaymentMode.POSTPAID, self.consumer_number, self.effective_on)
        yield from self._faults_of_tariff(agreement, before)
        if self.deposit_minor < 0:
            yield say(
                "a security deposit cannot be negative: {deposit_minor}",
                deposit_minor=amount_text(self.deposit_minor),
            )
        yield from deposits.demand_faults(
            self.deposit_due_minor, self.deposit_instalments, self.deposit_due_on, self.effective_on
        )
        yield from self._faults_of_bills(agreement.account)

    def carry_out(self, execution: Execution) -> None:
        agreement = self.agreement()
        assert agreement is not None, "its absence is a fault"
        super().carry_out(execution)
        self._set_apart(execution, agreement.account)
        if self.deposit_minor:
            held = deposits.hold(
                execution, execution.outcome["agreement_id"], self.deposit_minor, execution.recorded_at
            )
            execution.outcome["deposit_id"] = held.id
        if self.deposit_due_minor:
            first = deposits.first_due_on(self.deposit_due_on, self.effective_on)
            deposits.demand(execution, agreement, self.deposit_due_minor, first, self.deposit_instalments)


def requested_alone(content: JsonObject) -> ConvertToPrepaid:
    """Return the conversion that an order of a single supply stores."""
    asked = decode(ConvertToPrepaid.kind(), content, {ConvertToPrepaid.kind(): ConvertToPrepaid})
    assert isinstance(asked, ConvertToPrepaid)
    return asked


def waits_for_read(agreement: Agreement, effective_on: date, now: datetime) -> bool:
    """Return whether a change to prepaid has to wait for the close of the day before it, with a register read.

    What was used before the change is on the bill and not on the new balance, and a provisional close does not say how
    much that was. Raises RefusedError where the read has not come for `PATIENCE_DAYS`.
    """
    begins = midnight(effective_on, local_zone())
    if agreement.valid_from >= begins or is_charged_before(agreement.id, effective_on):
        return False
    if now < begins + timedelta(days=PATIENCE_DAYS):
        return True
    raise RefusedError(
        [
            say(
                "the day before the change is not closed with a register read after {days} days: have the meter read, then order it again",
                days=PATIENCE_DAYS,
            )
        ]
    )


def in_order_fault(order_id: int) -> Sentence:
    """Return that a supply waits in an order already."""
    return say("order {order} is to convert it already: stop that one first", order=order_id)


def already_fault(payment_mode: str, consumer_number: str, effective_on: date) -> Sentence:
    """Return that a supply has the payment mode already that it is to get."""
    if payment_mode == PaymentMode.PREPAID:
        return say(
            "service point {consumer_number} is prepaid already on {effective_on}",
            consumer_number=consumer_number,
            effective_on=effective_on,
        )
    return say(
        "service point {consumer_number} is postpaid already on {effective_on}",
        consumer_number=consumer_number,
        effective_on=effective_on,
    )


def dues_faults(bill: agreements.Bill) -> Iterator[str]:
    """Yield why a bill cannot have these dues."""
    if not bill.bill.strip():
        yield say("give the number of the bill")
    if min(bill.principal_minor, bill.surcharge_minor) < 0 or _total(bill) == 0:
        yield say(
            "bill {bill}: a principal of {principal_minor} and a surcharge of {surcharge_minor} are no valid dues",
            bill=bill.bill,
            principal_minor=amount_text(bill.principal_minor),
            surcharge_minor=amount_text(bill.surcharge_minor),
        )


def _total(bill: agreements.Bill) -> int:
    return bill.principal_minor + bill.surcharge_minor


def _arrear(execution: Execution, account: Account, bill: agreements.Bill) -> Arrear:
    return Arrear.objects.create(
        id=next_id(bucket_of(account.id)),
        account=account,
        bill=bill.bill,
        due_on=bill.due_on,
        principal_minor=bill.principal_minor,
        surcharge_minor=bill.surcharge_minor,
        **execution.stamp,
    )
