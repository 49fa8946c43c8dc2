"""Amounts that a person adds to a balance or takes off it: adjustments, waivers, write-offs and refunds.

Each is a credit or a debit of its own kind, posted as a new entry with the reason as its reference; an undo posts the
contrary one.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.db.models import Sum

from urja.apps.billing import arrears as dues
from urja.apps.billing.models import Arrear
from urja.apps.books.models import Account, CreditRequest, DebitRequest
from urja.apps.books.queries import charged_since, settled_balances
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase
from urja.base.sentences import say
from urja.core.arrears import total_owed
from urja.usecases import side_effects
from urja.usecases.kinds import money
from urja.usecases.kinds.amounts import amount_text
from urja.usecases.service_points import no_service_point_fault, service_point_of

ADJUSTMENT: Final = "adjustment"
WAIVER: Final = "waiver"
WRITE_OFF: Final = "write-off"
REFUND: Final = "refund"
REASON_LENGTH: Final = 200
"""Most characters of a reason: the ledger's reference has as many."""
_WAIVED_WITHIN: Final = timedelta(days=366)


class AdjustBalance(money.AdjustBalance, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        yield from _common_faults(self.consumer_number, self.reason)
        if not self.adjustment_minor:
            yield say("the adjustment must not be 0")

    def carry_out(self, execution: Execution) -> None:
        agreement = _existing(self.consumer_number)
        key = f"{ADJUSTMENT}:{execution.id}"
        if self.adjustment_minor > 0:
            side_effects.credit(
                execution, agreement.account_id, self.adjustment_minor, ADJUSTMENT, key, self.reason.strip()
            )
        else:
            side_effects.debit(
                execution,
                agreement.account_id,
                -self.adjustment_minor,
                ADJUSTMENT,
                ADJUSTMENT,
                key,
                self.reason.strip(),
            )
        _note(execution, agreement)


class WaiveCharges(money.WaiveCharges, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from _common_faults(self.consumer_number, self.reason)
        if min(self.waived_minor, self.waived_dues_minor) < 0:
            yield say("an amount must not be less than 0")
        if self.waived_minor == self.waived_dues_minor == 0:
            yield say("give the amount to be waived of charges, of old dues, or both")
        agreement = _agreement(self.consumer_number)
        if agreement is None:
            return
        owed = total_owed(dues.lock_dues([agreement.account_id]).get(agreement.account_id, ()))
        if self.waived_dues_minor > owed:
            yield say(
                "old dues of {owed} remain, not {amount}",
                owed=amount_text(owed),
                amount=amount_text(self.waived_dues_minor),
            )
        since = execution.recorded_at - _WAIVED_WITHIN
        waived = CreditRequest.objects.filter(
            account_id=agreement.account_id, kind=WAIVER, requested_at__gte=since
        ).aggregate(sum=Sum("amount_minor"))["sum"]
        charged = charged_since(agreement.account_id, since) - (waived or 0)
        if self.waived_minor > charged:
            yield say(
                "charges of {charged} in the last twelve months are not waived yet, not {amount}",
                charged=amount_text(max(charged, 0)),
                amount=amount_text(self.waived_minor),
            )

    def carry_out(self, execution: Execution) -> None:
        agreement = _existing(self.consumer_number)
        if self.waived_minor:
            key = f"{WAIVER}:{execution.id}"
            side_effects.credit(
                execution, agreement.account_id, self.waived_minor, WAIVER, key, self.reason.strip()
            )
        # Old dues are no part of the ledger until they are paid: the bills themselves become smaller, with their history.
        for part in dues.allocate_payment(agreement.account_id, self.waived_dues_minor):
            bill = Arrear.objects.get(id=part.key)
            execution.change(
                bill,
                surcharge_minor=bill.surcharge_minor - part.surcharge_minor,
                principal_minor=bill.principal_minor - part.principal_minor,
            )
        _note(execution, agreement)


class WriteOff(money.WriteOff, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from _common_faults(self.consumer_number, self.reason)
        yield from _positive_faults(self.written_off_minor)
        agreement = _agreement(self.consumer_number)
        if agreement is None:
            return
        if agreement.valid_to is None or agreement.valid_to > execution.recorded_at:
            yield say(
                "the agreement at {consumer_number} is in force: waive charges, or adjust the balance",
                consumer_number=self.consumer_number,
            )
        owed = max(-_settled(agreement.account_id), 0)
        if self.written_off_minor > owed:
            yield say(
                "{owed} are owed on the account, not {amount}",
                owed=amount_text(owed),
                amount=amount_text(self.written_off_minor),
            )

    def carry_out(self, execution: Execution) -> None:
        agreement = _existing(self.consumer_number)
        key = f"{WRITE_OFF}:{execution.id}"
        side_effects.credit(
            execution, agreement.account_id, self.written_off_minor, WRITE_OFF, key, self.reason.strip()
        )
        _note(execution, agreement)


class RefundCredit(money.RefundCredit, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        yield from _common_faults(self.consumer_number, self.reason)
        yield from _positive_faults(self.refunded_minor)
        if not self.payout_reference.strip():
            yield say("give the proof of the payout, such as the UTR of the transfer")
        if len(self.payout_reference) > REASON_LENGTH:
            yield say("the proof of a payout has at most {most} characters", most=REASON_LENGTH)
        reference = self.payout_reference.strip()
        if reference and DebitRequest.objects.filter(kind=REFUND, reference__iexact=reference).exists():
            yield say("the payout {reference} is recorded already as a refund", reference=reference)
        agreement = _agreement(self.consumer_number)
        if agreement is None:
            return
        owed = total_owed(dues.dues_of([agreement.account_id]).get(agreement.account_id, ()))
        if owed:
            yield say(
                "old dues of {owed} remain: they are paid before anything is refunded", owed=amount_text(owed)
            )
        left = max(_settled(agreement.account_id), 0)
        if self.refunded_minor > left:
            yield say(
                "the posted balance is {left}, less than {amount}",
                left=amount_text(left),
                amount=amount_text(self.refunded_minor),
            )

    def carry_out(self, execution: Execution) -> None:
        agreement = _existing(self.consumer_number)
        side_effects.debit(
            execution,
            agreement.account_id,
            self.refunded_minor,
            REFUND,
            REFUND,
            f"{REFUND}:{execution.id}",
            self.payout_reference.strip(),
        )
        _note(execution, agreement)


def _common_faults(consumer_number: str, reason: str) -> Iterator[str]:
    if not reason.strip():
        yield say("give a reason")
    if len(reason) > REASON_LENGTH:
        yield say("a reason has at most {most} characters", most=REASON_LENGTH)
    if service_point_of(consumer_number) is None:
        yield no_service_point_fault(consumer_number)
    elif _agreement(consumer_number) is None:
        yield say("service point {consumer_number} has no account", consumer_number=consumer_number)


def _positive_faults(amount_minor: int) -> Iterator[str]:
    if amount_minor <= 0:
        yield say("the amount must be more than 0")


def _agreement(consumer_number: str) -> Agreement | None:
    """Return the agreement in force at a service point, else its last one."""
    agreements = Agreement.objects.filter(service_point__consumer_number=consumer_number)
    return agreements.select_related("account").order_by("-valid_from").first()


def _existing(consumer_number: str) -> Agreement:
    agreement = _agreement(consumer_number)
    assert agreement is not None, "its absence is a fault"
    return agreement


def _settled(account_id: int) -> int:
    """Return an account's balance in minor units with what is requested and not posted yet."""
    # Locked, so that two refunds at once do not both find the balance.
    Account.objects.select_for_update(no_key=True).get(id=account_id)
    return settled_balances([account_id])[account_id]


def _note(execution: Execution, agreement: Agreement) -> None:
    execution.service_point_id = agreement.service_point_id
    execution.outcome["account_id"] = agreement.account_id
