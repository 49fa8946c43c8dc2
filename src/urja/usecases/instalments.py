"""Old dues paid in instalments: an agreed amount each day or each month, taken from the balance.

A postpaid supply has them on its next bill. While a plan is in force its instalments pay the bills, and no share of a recharge does (`apps.billing.arrears`). The
pipeline posts each instalment with the close of its due day (`pipeline.instalments`), and records when all dues are
paid.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from django.db.models import Q, QuerySet

from urja.apps.billing import arrears as dues
from urja.apps.billing.models import Instalment, InstalmentPlan
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.local_zone import local_zone
from urja.apps.network.models import ServicePoint
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.core.arrears import instalment_due_on, total_owed
from urja.core.calendar import ONE_DAY, local_day, midnight
from urja.usecases.kinds import money
from urja.usecases.kinds.amounts import amount_text
from urja.usecases.service_points import no_service_point_fault, service_point_of


class AgreeInstalments(money.AgreeInstalments, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        if not self.reason.strip():
            yield say("give a reason for the agreement")
        if self.amount_minor <= 0:
            yield say(
                "an instalment must be more than 0, not {amount_minor}",
                amount_minor=amount_text(self.amount_minor),
            )
        today = local_day(execution.recorded_at, local_zone())
        if self.first_due_on < today:
            yield say(
                "the first instalment cannot be due on {first_due_on}, which is past: the earliest day is {today}",
                first_due_on=self.first_due_on,
                today=today,
            )
        service_point = service_point_of(self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
            return
        agreement = _agreement(service_point)
        if agreement is None:
            yield say(
                "service point {consumer_number} has no agreement on {effective_on}{begins}",
                consumer_number=self.consumer_number,
                effective_on=self.first_due_on,
                begins="",
            )
            return
        yield from self._faults_of(agreement)

    def _faults_of(self, agreement: Agreement) -> Iterator[str]:
        begins = midnight(self.first_due_on, local_zone())
        left = total_owed(dues.dues_of([agreement.account_id]).get(agreement.account_id, ()))
        if not left:
            yield say(
                "service point {consumer_number} has no dues",
                consumer_number=self.consumer_number,
            )
        elif self.amount_minor > left:
            yield say(
                "an instalment of {amount_minor} is more than the dues of {left}",
                amount_minor=amount_text(self.amount_minor),
                left=amount_text(left),
            )
        holding = _holding([agreement.account_id], begins).first()
        if holding is not None:
            yield say(
                "an instalment plan is in force from {day} on: end it first with end_instalments",
                day=local_day(holding.valid_from, local_zone()),
            )

    def carry_out(self, execution: Execution) -> None:
        service_point = service_point_of(self.consumer_number)
        agreement = _agreement(service_point) if service_point else None
        assert agreement is not None, "its absence is a fault"
        plan = InstalmentPlan.objects.create(
            id=next_id(bucket_of(agreement.account_id)),
            account_id=agreement.account_id,
            every=self.every,
            amount_minor=self.amount_minor,
            valid_from=midnight(self.first_due_on, local_zone()),
            **execution.stamp,
        )
        left = total_owed(dues.dues_of([agreement.account_id]).get(agreement.account_id, ()))
        number = -(-left // self.amount_minor)  # rounded up: the last instalment is the remainder
        execution.service_point_id = agreement.service_point_id
        execution.outcome |= {
            "account_id": agreement.account_id,
            "instalment_plan_id": plan.id,
            "instalments": number,
            "last_due_on": instalment_due_on(self.every, self.first_due_on, number - 1).isoformat(),
        }


class EndInstalments(money.EndInstalments, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.reason.strip():
            yield say("give a reason for the end")
        if service_point_of(self.consumer_number) is None:
            yield no_service_point_fault(self.consumer_number)
            return
        plan = self._plan()
        if plan is None:
            yield say(
                "service point {consumer_number} has no instalment plan on {day}",
                consumer_number=self.consumer_number,
                day=self.from_on,
            )
            return
        last = _last_posted(plan)
        if last is not None and last >= self.from_on:
            yield say(
                "the instalment of {last} is posted already: the plan can end on {day} at the earliest",
                last=last,
                day=last + ONE_DAY,
            )

    def carry_out(self, execution: Execution) -> None:
        plan = self._plan()
        assert plan is not None, "its absence is a fault"
        _end(execution, plan, midnight(self.from_on, local_zone()))
        service_point = service_point_of(self.consumer_number)
        execution.service_point_id = service_point.id if service_point else None
        execution.outcome |= {"account_id": plan.account_id, "instalment_plan_id": plan.id}

    def _plan(self) -> InstalmentPlan | None:
        """Return the plan of the current agreement, or of the last one."""
        newest = Agreement.objects.filter(service_point__consumer_number=self.consumer_number)
        accounts = newest.order_by("-valid_from").values_list("account_id", flat=True)[:1]
        return _holding(accounts, midnight(self.from_on, local_zone())).first()


class RecordDuesPaid(money.RecordDuesPaid, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        plan = self._plan()
        if plan is None:
            yield say("there is no instalment plan {plan_id}", plan_id=self.plan_id)
            return
        left = total_owed(dues.dues_of([plan.account_id]).get(plan.account_id, ()))
        if left:
            yield say("dues of {left} remain", left=left)

    def carry_out(self, execution: Execution) -> None:
        plan = self._plan()
        assert plan is not None, "its absence is a fault"
        _end(execution, plan, midnight(self.from_on, local_zone()))
        agreement = Agreement.objects.filter(account_id=plan.account_id).order_by("-valid_from").first()
        execution.service_point_id = agreement.service_point_id if agreement else None
        execution.outcome |= {"account_id": plan.account_id, "instalment_plan_id": self.plan_id}

    def _plan(self) -> InstalmentPlan | None:
        return InstalmentPlan.objects.select_for_update(no_key=True).filter(id=self.plan_id).first()


def _agreement(service_point: ServicePoint) -> Agreement | None:
    return Agreement.objects.filter(service_point=service_point, valid_to=None).first()


def end_plans(execution: Execution, account_id: int, at: datetime) -> None:
    """End the plans of an account from an instant (UTC) on; posted instalments stay."""
    for plan in _holding([account_id], at):
        last = _last_posted(plan)
        _end(execution, plan, at if last is None else max(at, midnight(last + ONE_DAY, local_zone())))


def _end(execution: Execution, plan: InstalmentPlan, at: datetime) -> None:
    if plan.valid_from >= at:
        plan.delete()
    else:
        execution.change(plan, valid_to=at)


def _holding(account_ids: Iterable[int], at: datetime) -> QuerySet[InstalmentPlan]:
    """Return plans in force at an instant or later, the earliest first; locked until the transaction ends."""
    plans = InstalmentPlan.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at), account_id__in=list(account_ids)
    )
    # Locked against the stage that posts instalments: it must not post one of a plan that ends.
    return plans.order_by("valid_from").select_for_update(no_key=True)


def _last_posted(plan: InstalmentPlan) -> date | None:
    """Return the due day of the last posted instalment of a plan, or None."""
    return Instalment.objects.filter(plan=plan).order_by("-due_on").values_list("due_on", flat=True).first()
