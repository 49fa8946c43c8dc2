"""The counter: drawers, receipts for cash and cheques, and deposits at the bank.

A drawer is the limit of what a stolen web can credit: it is opened by its cashier's passkey over its ceiling, and the
database refuses a receipt without it. Cash is credited with its receipt, a cheque when the bank has paid it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Sum

from urja.apps.approvals.challenges import person_of
from urja.apps.bank import cheques, loading
from urja.apps.books.kinds import MAINTENANCE
from urja.apps.books.queries import payment_kind
from urja.apps.contracts.models import Agreement
from urja.apps.counter.kinds import (
    CREDITED,
    LONGEST_HOURS,
    Instrument,
    ReceiptState,
    credit_key,
    printed_number,
)
from urja.apps.counter.models import Deposit, DepositCash, Drawer, Receipt
from urja.apps.counter.operations import issue_receipt, next_slip_number
from urja.apps.counter.queries import DrawerRow, drawer as drawer_row
from urja.apps.identity.queries.access import caller_of
from urja.apps.identity.queries.roles import Role
from urja.apps.journal.operation import Execution, UseCase, next_number
from urja.apps.local_zone import local_zone
from urja.apps.network.models import Premise, ServicePoint
from urja.apps.notices import operations as notices
from urja.base.sentences import say
from urja.core.calendar import local_day
from urja.usecases import side_effects
from urja.usecases.execution_approval import approval_of
from urja.usecases.kinds import counter
from urja.usecases.kinds.amounts import amount_text
from urja.usecases.maintenance import no_maintenance_fault, paid_account
from urja.usecases.service_points import no_service_point_fault, service_point_of

REVERSAL: Final = "reversal"
BANK_CHARGE: Final = "bank-charge"
"""Kind of the debit of what the bank charges for a returned cheque; its contra account is `clearing:bank-charge`."""


class OpenDrawer(counter.OpenDrawer, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        cashier = person_of(execution.actor)
        if cashier is None:
            yield say("a drawer is a person's: an API token without a person opens none")
            return
        if self.ceiling_minor <= 0:
            yield say("the ceiling must be more than 0")
        if self.float_minor < 0:
            yield say("the cash at the opening cannot be less than 0")
        if not 1 <= self.hours <= LONGEST_HOURS:
            yield say(
                "a drawer is open for 1 to {most} hours, not {hours}", most=LONGEST_HOURS, hours=self.hours
            )
        if self.premise_code and not Premise.objects.filter(code=self.premise_code).exists():
            yield say("there is no premise {code}", code=self.premise_code)
        held = _open_drawer(cashier)
        if held is not None:
            yield say("your drawer {drawer} is not closed: close it first", drawer=held.id)

    def carry_out(self, execution: Execution) -> None:
        cashier = person_of(execution.actor)
        assert cashier is not None, "an actor without a person is a fault"
        drawer = Drawer.objects.create(
            id=next_number(),
            cashier_id=cashier,
            premise=Premise.objects.filter(code=self.premise_code).first() if self.premise_code else None,
            approval=approval_of(execution),
            currency=settings.URJA_CURRENCY,
            ceiling_minor=self.ceiling_minor,
            float_minor=self.float_minor,
            opened_at=execution.recorded_at,
            expires_at=execution.recorded_at + timedelta(hours=self.hours),
            **execution.stamp,
        )
        execution.outcome["drawer_id"] = drawer.id


class TakeReceipt(counter.TakeReceipt, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        if self.received_minor <= 0:
            yield say("the amount received must be more than 0")
        if self.instrument == "cheque" and not (
            self.cheque_number.strip() and self.cheque_bank.strip() and self.cheque_date
        ):
            yield say("give the number, the bank and the date of the cheque")
        service_point = service_point_of(self.consumer_number)
        drawer = _usable_drawer(execution)
        if drawer is None:
            yield say("you have no open drawer: open one with open_drawer")
        else:
            yield from self._faults_of(drawer, service_point, execution.recorded_at)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
        elif (agreement := _agreement(service_point)) is None:
            yield say(
                "service point {consumer_number} has no agreement to receive a payment for",
                consumer_number=self.consumer_number,
            )
        elif paid_account(agreement.account_id, self.paid_for) is None:
            yield no_maintenance_fault(self.consumer_number)

    def _faults_of(self, drawer: Drawer, service_point: ServicePoint | None, now: datetime) -> Iterator[str]:
        if now >= drawer.expires_at:
            yield say("the time of your drawer {drawer} is over: close it and open another", drawer=drawer.id)
        taken = Receipt.objects.filter(drawer=drawer).aggregate(sum=Sum("amount_minor"))["sum"] or 0
        room = drawer.ceiling_minor - taken
        if self.received_minor > room:
            yield say(
                "your drawer's ceiling leaves {room}, not {amount}: close it and open another",
                room=amount_text(room),
                amount=amount_text(self.received_minor),
            )
        if service_point is None:
            return
        if drawer.premise_id is not None and drawer.premise_id not in [
            one.id for one in _ancestry(service_point.premise)
        ]:
            yield say(
                "your drawer is for {premise}, and {consumer_number} is not there",
                premise=drawer.premise,
                consumer_number=self.consumer_number,
            )
        agreement = _agreement(service_point)
        if agreement is not None and agreement.account.currency != drawer.currency:
            yield say(
                "the account of {consumer_number} is in {currency}, your drawer in {own}",
                consumer_number=self.consumer_number,
                currency=agreement.account.currency,
                own=drawer.currency,
            )

    def carry_out(self, execution: Execution) -> None:
        service_point = service_point_of(self.consumer_number)
        drawer = _usable_drawer(execution)
        agreement = _agreement(service_point) if service_point else None
        assert service_point is not None, "its absence is a fault"
        assert agreement is not None, "its absence is a fault"
        assert drawer is not None, "its absence is a fault"
        account_id = paid_account(agreement.account_id, self.paid_for)
        assert account_id is not None, "its absence is a fault"
        cheque = self.instrument == "cheque"
        receipt = issue_receipt(
            account_id=account_id,
            consumer_number=self.consumer_number,
            instrument=self.instrument,
            amount_minor=self.received_minor,
            drawer=drawer,
            cheque_number=self.cheque_number.strip() if cheque else "",
            cheque_bank=self.cheque_bank.strip() if cheque else "",
            cheque_date=self.cheque_date if cheque else None,
            recorded_at=execution.recorded_at,
            actor=execution.actor,
            operation_id=execution.id,
        )
        if cheque:
            _tell(execution, receipt, "cheque")
        else:
            # The notice of it follows from the posting, as after a payment by a gateway.
            _credit(execution, receipt)
        _note(execution, receipt)


class CancelReceipt(counter.CancelReceipt, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from _reason_faults(self.reason)
        receipt = _receipt(self.receipt_id)
        if receipt is None:
            yield _no_receipt(self.receipt_id)
            return
        if receipt.drawer is None or receipt.drawer.cashier_id != person_of(execution.actor):
            yield say("receipt {receipt} is not of your drawer", receipt=_printed(receipt))
        elif _row(receipt.drawer).closed_at is not None:
            yield say(
                "the drawer of receipt {receipt} is closed: correct the account with an adjustment",
                receipt=_printed(receipt),
            )
        if receipt.state != ReceiptState.TAKEN or receipt.deposit_id is not None:
            yield _state_fault(receipt)

    def carry_out(self, execution: Execution) -> None:
        receipt = _existing(self.receipt_id)
        credited = (receipt.instrument, receipt.state) in CREDITED
        _move(execution, receipt, ReceiptState.CANCELLED, self.reason)
        if credited:
            _take_back(execution, receipt, "cancelled")
        # The consumer learns of it: else a cashier could cancel a receipt and keep its cash unseen.
        _tell(execution, receipt, "receipt_cancelled")
        _note(execution, receipt)


class CloseDrawer(counter.CloseDrawer, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        drawer = _locked_drawer(self.drawer_id)
        if drawer is None:
            yield say("there is no drawer {drawer}", drawer=self.drawer_id)
            return
        if drawer.closed_at is not None:
            yield say(
                "drawer {drawer} was closed at {closed_at}",
                drawer=self.drawer_id,
                closed_at=drawer.closed_at.isoformat(),
            )
            return
        if drawer.cashier_id != person_of(execution.actor) and not _is_officer(execution):
            yield say("drawer {drawer} is another cashier's: a revenue officer closes it", drawer=drawer.id)
        if any(one.value_minor <= 0 or one.pieces < 0 for one in self.counts):
            yield say("notes and coins have a value above 0, and are not fewer than none")
        difference = self._counted() - _row(drawer).expected_minor
        if difference and not self.explanation.strip():
            yield say(
                "the count differs by {difference} from the receipts: count again, or explain it",
                difference=amount_text(difference),
            )

    def carry_out(self, execution: Execution) -> None:
        drawer = _locked_drawer(self.drawer_id)
        assert drawer is not None, "its absence is a fault"
        difference = self._counted() - _row(drawer).expected_minor
        execution.change(
            drawer,
            closed_at=execution.recorded_at,
            closed_by=execution.actor,
            counted_minor=self._counted(),
            difference_minor=difference,
            counts=[{"value_minor": one.value_minor, "pieces": one.pieces} for one in self.counts],
            explanation=self.explanation.strip(),
        )
        execution.outcome |= {"drawer_id": drawer.id, "difference_minor": difference}

    def _counted(self) -> int:
        return sum(one.value_minor * one.pieces for one in self.counts)


class DepositTakings(counter.DepositTakings, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        if not self.cash and not self.receipt_ids:
            yield say("name the cash or the cheques of the slip")
        if self.deposited_on > local_day(execution.recorded_at, local_zone()):
            yield say("the deposit cannot be on {day}, which is to come", day=self.deposited_on)
        drawers = [one.drawer_id for one in self.cash]
        if len({*drawers}) < len(drawers) or len({*self.receipt_ids}) < len(self.receipt_ids):
            yield say("a drawer and a cheque stand on a slip once")
            return
        for one in self.cash:
            drawer = _locked_drawer(one.drawer_id)
            if drawer is None:
                yield say("there is no drawer {drawer}", drawer=one.drawer_id)
            elif not 0 < one.cash_minor <= _row(drawer).held_minor:
                yield say(
                    "drawer {drawer} has {held} to deposit, not {amount}",
                    drawer=drawer.id,
                    held=amount_text(_row(drawer).held_minor),
                    amount=amount_text(one.cash_minor),
                )
        for receipt_id in self.receipt_ids:
            receipt = _receipt(receipt_id)
            if receipt is None:
                yield _no_receipt(receipt_id)
            elif receipt.instrument != Instrument.CHEQUE:
                yield say("receipt {receipt} is not for a cheque", receipt=_printed(receipt))
            elif receipt.state != ReceiptState.TAKEN or receipt.deposit_id is not None:
                yield _state_fault(receipt)

    def carry_out(self, execution: Execution) -> None:
        slip = Deposit.objects.create(
            id=next_number(),
            number=next_slip_number(),
            deposited_on=self.deposited_on,
            reference=self.slip_reference.strip(),
            currency=settings.URJA_CURRENCY,
            cash_minor=sum(one.cash_minor for one in self.cash),
            **execution.stamp,
        )
        for one in self.cash:
            drawer = _locked_drawer(one.drawer_id)
            assert drawer is not None, "its absence is a fault"
            DepositCash.objects.create(
                deposit=slip,
                drawer=drawer,
                amount_minor=one.cash_minor,
                from_open=drawer.closed_at is None,
            )
        for receipt_id in self.receipt_ids:
            execution.change(_existing(receipt_id), deposit=slip)
        execution.outcome |= {"deposit_id": slip.id, "slip": slip.number}


class ClearCheque(counter.ClearCheque, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        if self.cleared_on > local_day(execution.recorded_at, local_zone()):
            yield say("the cheque cannot have cleared on {day}, which is to come", day=self.cleared_on)
        receipt = _receipt(self.receipt_id)
        if receipt is None:
            yield _no_receipt(self.receipt_id)
        elif receipt.instrument != Instrument.CHEQUE:
            yield say("receipt {receipt} is not for a cheque", receipt=_printed(receipt))
        elif receipt.state != ReceiptState.TAKEN:
            yield _state_fault(receipt)
        elif receipt.deposit_id is None:
            yield say(
                "the cheque of receipt {receipt} is on no deposit slip: record it with deposit_takings first",
                receipt=_printed(receipt),
            )

    def carry_out(self, execution: Execution) -> None:
        clear(execution, _existing(self.receipt_id))


def clear(execution: Execution, receipt: Receipt) -> None:
    """Credit a cheque that the bank has paid; the thresholds have asked for a second person where no entry proves it."""
    loading.lock()
    cheques.record_payment(receipt.id, operation_id=execution.id, now=execution.recorded_at)
    _move(execution, receipt, ReceiptState.CLEARED)
    _credit(execution, receipt)
    _note(execution, receipt)


class ReturnCheque(counter.ReturnCheque, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        yield from _reason_faults(self.reason)
        if self.charge_minor < 0:
            yield say("the bank's charge cannot be less than 0")
        receipt = _receipt(self.receipt_id)
        if receipt is None:
            yield _no_receipt(self.receipt_id)
        elif receipt.instrument != Instrument.CHEQUE:
            yield say("receipt {receipt} is not for a cheque", receipt=_printed(receipt))
        elif receipt.state not in {ReceiptState.TAKEN, ReceiptState.CLEARED}:
            yield _state_fault(receipt)
        elif self.charge_minor and payment_kind(receipt.account_id) == MAINTENANCE:
            yield say(
                "receipt {receipt} is for maintenance: post the bank's charge as a maintenance due",
                receipt=_printed(receipt),
            )

    def carry_out(self, execution: Execution) -> None:
        receipt = _existing(self.receipt_id)
        credited = receipt.state == ReceiptState.CLEARED
        _move(execution, receipt, ReceiptState.RETURNED, self.reason)
        _tell(execution, receipt, "cheque_returned")
        if credited:
            _take_back(execution, receipt, "returned")
        if self.charge_minor:
            side_effects.debit(
                execution,
                receipt.account_id,
                self.charge_minor,
                BANK_CHARGE,
                BANK_CHARGE,
                f"{credit_key(receipt.id)}:charge",
                _printed(receipt),
            )
        _note(execution, receipt)


def _ancestry(premise: Premise) -> list[Premise]:
    """Return a premise and those that it is part of."""
    found = [premise]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return found


def _is_officer(execution: Execution) -> bool:
    caller = caller_of(execution.actor, execution.recorded_at)
    return caller is not None and Role.REVENUE_OFFICER in caller.roles


def _open_drawer(cashier: int) -> Drawer | None:
    drawers = Drawer.objects.select_for_update(of=("self",)).select_related("premise")
    return drawers.filter(cashier_id=cashier, closed_at=None, approval__isnull=False).first()


def _usable_drawer(execution: Execution) -> Drawer | None:
    cashier = person_of(execution.actor)
    return None if cashier is None else _open_drawer(cashier)


def _locked_drawer(drawer_id: int) -> Drawer | None:
    return Drawer.objects.select_for_update().filter(id=drawer_id, approval__isnull=False).first()


def _row(drawer: Drawer) -> DrawerRow:
    row = drawer_row(drawer.id)
    assert row is not None, "it is locked"
    return row


def _receipt(receipt_id: int) -> Receipt | None:
    # The drawer before the receipt, as a new receipt locks it: of a cancelling and a closing one waits for the other.
    Drawer.objects.select_for_update().filter(receipts=receipt_id).first()
    receipts = Receipt.objects.select_for_update(of=("self",)).select_related("drawer")
    return receipts.filter(id=receipt_id).first()


def _existing(receipt_id: int) -> Receipt:
    receipt = _receipt(receipt_id)
    assert receipt is not None, "its absence is a fault"
    return receipt


def _agreement(service_point: ServicePoint) -> Agreement | None:
    """Return the agreement in force, else the last one: who has moved out may still owe."""
    agreements = Agreement.objects.filter(service_point=service_point).select_related("account")
    return agreements.order_by("-valid_from").first()


def _credit(execution: Execution, receipt: Receipt) -> None:
    side_effects.credit(
        execution,
        receipt.account_id,
        receipt.amount_minor,
        payment_kind(receipt.account_id),
        credit_key(receipt.id),
        _printed(receipt),
    )


def _take_back(execution: Execution, receipt: Receipt, why: str) -> None:
    key = credit_key(receipt.id)
    side_effects.debit(
        execution,
        receipt.account_id,
        receipt.amount_minor,
        REVERSAL,
        payment_kind(receipt.account_id),
        f"{key}:{why}",
        _printed(receipt),
        of_key=key,
    )


def _tell(execution: Execution, receipt: Receipt, kind: str) -> None:
    params = {"amount_minor": receipt.amount_minor, "receipt": _printed(receipt)}
    notices.request_notice(receipt.account_id, kind, params, f"{kind}:{receipt.id}", execution.recorded_at)


def _move(execution: Execution, receipt: Receipt, state: ReceiptState, reason: str = "") -> None:
    execution.change(receipt, state=state, state_at=execution.recorded_at, reason=reason.strip())


def _note(execution: Execution, receipt: Receipt) -> None:
    service_point = ServicePoint.objects.filter(consumer_number=receipt.consumer_number).first()
    execution.service_point_id = service_point.id if service_point else None
    execution.outcome |= {
        "receipt_id": receipt.id,
        "receipt": _printed(receipt),
        "account_id": receipt.account_id,
        "state": str(receipt.state),
    }


def _printed(receipt: Receipt) -> str:
    return printed_number(receipt.series, receipt.number)


def _reason_faults(reason: str) -> Iterator[str]:
    if not reason.strip():
        yield say("give a reason")


def _no_receipt(receipt_id: int) -> str:
    return say("there is no receipt {receipt}", receipt=receipt_id)


def _state_fault(receipt: Receipt) -> str:
    if receipt.state == ReceiptState.TAKEN:
        return say("the cheque of receipt {receipt} is on a deposit slip already", receipt=_printed(receipt))
    return say("receipt {receipt} is {state} already", receipt=_printed(receipt), state=receipt.state)
