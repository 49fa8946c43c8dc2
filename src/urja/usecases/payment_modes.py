"""Conversion from postpaid to prepaid and back.

Dues of old bills are stored beside the balance of a converted supply: bill by bill, principal and surcharge apart,
each with its due date. The balance begins with what was not billed yet, so that nothing is owed twice. A plan of
instalments goes on in either mode. The policy sets how long a supply is not disconnected after a conversion to prepaid
(`credit.grace_days_after_conversion`), counted from `converted_at`.
"""

from collections.abc import Iterator
from datetime import date

from urja.apps.billing import arrears as dues
from urja.apps.billing.models import Arrear, Deposit
from urja.apps.books.kinds import DEPOSIT, SET_APART
from urja.apps.books.models import Account
from urja.apps.contracts.kinds import PaymentMode
from urja.apps.contracts.models import Agreement, AgreementTerms
from urja.apps.journal.operation import Execution, next_id
from urja.base.ids import bucket_of
from urja.base.sentences import Sentence, say
from urja.core.calendar import local_day
from urja.usecases import side_effects
from urja.usecases.kinds import agreements
from urja.usecases.terms import ChangeOfTerms, tariff_faults, zone


class Conversion(agreements.Conversion, ChangeOfTerms):
    """The bills and the tariff of a conversion in either direction."""

    def _faults_of_tariff(self, agreement: Agreement, before: AgreementTerms) -> Iterator[str]:
        if self.tariff_code is not None:
            day = local_day(self.begins(agreement), zone())
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
        owed, billed = max(-account.balance_minor, 0), sum(_total(bill) for bill in self.bills)
        if self.billed_here and billed > owed:
            yield say(
                "the bills come to {billed}, but the postings here owe only {owed}: set billed_here = false where another system billed them",
                billed=billed,
                owed=owed,
            )

    def _set_apart(self, execution: Execution, account: Account) -> None:
        """Store the bills as dues; the amount of those that were posted here leaves the balance."""
        arrears = [_arrear(execution, account, bill) for bill in self.bills]
        billed = sum(_total(bill) for bill in self.bills)
        if self.billed_here and billed:
            side_effects.credit(execution, account.id, billed, SET_APART, f"{SET_APART}:{execution.id}")
        execution.outcome["arrears"] = [arrear.id for arrear in arrears]


class ConvertToPrepaid(agreements.ConvertToPrepaid, Conversion):
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
                credit_minor=self.credit_minor,
            )
        if self.credit_minor and self.bills:
            yield say("give either a credit or dues of the last bill, not both")
        yield from self._faults_of_bills(agreement.account)

    def carry_out(self, execution: Execution) -> None:
        agreement = self.agreement()
        assert agreement is not None, "its absence is a fault"
        account = agreement.account
        super().carry_out(execution)
        terms = AgreementTerms.objects.get(agreement=agreement, valid_from=self.begins(agreement))
        execution.change(terms, converted_at=terms.valid_from)
        self._set_apart(execution, account)
        if self.credit_minor:
            side_effects.credit(
                execution, account.id, self.credit_minor, "opening-credit", f"opening-credit:{execution.id}"
            )
        if self.deposit != "keep":
            self._apply_deposits(execution, agreement)

    def _apply_deposits(self, execution: Execution, agreement: Agreement) -> None:
        """No security deposit is kept from a consumer who pays in advance (Electricity Act 2003, section 47(5))."""
        for deposit in Deposit.objects.filter(agreement=agreement, returned_at=None).order_by(
            "taken_at", "id"
        ):
            left = deposit.amount_minor
            if self.deposit == "arrears":
                left = pay_arrears(execution, agreement.account_id, left)
            execution.change(deposit, returned_at=execution.recorded_at)
            if left:
                side_effects.credit(
                    execution, agreement.account_id, left, DEPOSIT, f"{DEPOSIT}:{deposit.id}:{execution.id}"
                )


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
                "a security deposit cannot be negative: {deposit_minor}", deposit_minor=self.deposit_minor
            )
        yield from self._faults_of_bills(agreement.account)

    def carry_out(self, execution: Execution) -> None:
        agreement = self.agreement()
        assert agreement is not None, "its absence is a fault"
        super().carry_out(execution)
        self._set_apart(execution, agreement.account)
        if self.deposit_minor:
            deposit = Deposit.objects.create(
                id=next_id(bucket_of(execution.outcome["agreement_id"])),
                agreement_id=execution.outcome["agreement_id"],
                amount_minor=self.deposit_minor,
                taken_at=execution.recorded_at,
                **execution.stamp,
            )
            execution.outcome["deposit_id"] = deposit.id


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
            principal_minor=bill.principal_minor,
            surcharge_minor=bill.surcharge_minor,
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


def pay_arrears(execution: Execution, account_id: int, amount_minor: int) -> int:
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
