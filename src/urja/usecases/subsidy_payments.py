"""Payments of subsidy claims: a body has paid the utility, as its bank says."""

from collections.abc import Iterator
from typing import Final

from urja.apps.billing import subsidy_payments
from urja.apps.billing.subsidy_payments import SubsidyPayment
from urja.apps.books.kinds import AccountKind
from urja.apps.books.models import Account
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.queries.tariffs import receivable_bodies
from urja.base.sentences import say
from urja.core.calendar import local_day
from urja.usecases.kinds import money
from urja.usecases.kinds.amounts import amount_text

REFERENCE_LENGTH: Final = 100


class RecordSubsidyPayment(money.RecordSubsidyPayment, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        body, reference = self.body, self.payment_reference
        if body != body.strip() or reference.strip() not in ("", reference):
            # It is stored as it was asked for: the law compares both.
            yield say("a body and a reference neither begin nor end with a space or a new line")
        if len(_currencies(body)) != 1:
            yield say("nothing is claimed from {body} in one currency", body=body)
        if not self.subsidy_paid_minor:
            yield say("the amount must not be 0")
        if not reference.strip() or len(reference) > REFERENCE_LENGTH:
            yield say("give the bank's reference, of at most {most} characters", most=REFERENCE_LENGTH)
        if self.paid_on > local_day(execution.recorded_at, local_zone()):
            yield say("the day of the payment has not come yet")
        recorded = subsidy_payments.recorded_minor(body, reference)
        if self.subsidy_paid_minor > 0 and recorded:
            yield say(
                "a payment of {body} under {reference} is recorded already", body=body, reference=reference
            )
        if self.subsidy_paid_minor < 0 and -self.subsidy_paid_minor != recorded:
            yield say(
                "{recorded} are recorded under {reference}: what takes a payment back is its whole amount",
                recorded=amount_text(recorded),
                reference=reference,
            )

    def carry_out(self, execution: Execution) -> None:
        (currency,) = _currencies(self.body)
        subsidy_payments.record(
            SubsidyPayment(
                execution.id,
                self.body,
                currency,
                self.subsidy_paid_minor,
                self.paid_on,
                self.payment_reference,
                execution.recorded_at,
                execution.actor,
            )
        )


def _currencies(body: str) -> set[str]:
    """Return the currencies of the receivable accounts that a body has to pay."""
    lines = [f"receivable:{line}" for line, named in receivable_bodies().items() if body in named]
    return set(
        Account.objects.filter(kind=AccountKind.CONTRA, code__in=lines).values_list("currency", flat=True)
    )
