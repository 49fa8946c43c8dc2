"""Maintenance dues of a society: posted by one operation to the maintenance accounts of its flats.

A maintenance account is never the account of an agreement, and policy reads accounts of agreements alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Q
from django.db.models.functions import Lower

from urja.apps.books.kinds import MAINTENANCE_DUE
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.local_zone import local_zone
from urja.apps.maintenance.models import MaintenanceDue
from urja.apps.maintenance.operations import accounts_beside
from urja.apps.maintenance.queries import account_beside
from urja.apps.network.kinds import Commodity, PremiseKind, Purpose
from urja.apps.network.models import Premise
from urja.apps.overviews.queries import premises
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.core.calendar import local_day
from urja.usecases import side_effects
from urja.usecases.kinds import maintenance

NAME_LENGTH: Final = 60
MOST_MINOR: Final = 10**12
_AHEAD: Final = timedelta(days=62)
"""A due is for a month that begins at most so long after today: a later one is a slip of the keyboard."""
_BACK: Final = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True)
class FlatDue:
    """What a flat is to owe, in minor units."""

    consumer_number: str
    service_point_id: int
    agreement: Agreement
    amount_minor: int


class PostMaintenance(maintenance.PostMaintenance, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from self._form_faults(local_day(execution.recorded_at, local_zone()))
        # Locked, so that the same dues requested twice at once are posted once.
        society = Premise.objects.select_for_update().filter(code=self.premise_code.strip()).first()
        if society is None or society.kind != PremiseKind.SOCIETY:
            yield say("there is no society with the code {code}", code=repr(self.premise_code))
            return
        flats = _flats(society, execution.recorded_at)
        yield from self._flat_faults(flats)
        dues = self._dues(flats)
        if not dues:
            yield say("no flat of {society} would owe anything", society=society.name)
        posted = MaintenanceDue.objects.annotate(lower=Lower("name")).filter(
            service_point_id__in=[one.service_point_id for one in dues],
            month=self._month,
            lower=self._name.lower(),
        )
        for number in posted.order_by("service_point__consumer_number").values_list(
            "service_point__consumer_number", flat=True
        )[:1]:
            yield say(
                "{name} of {month} is posted to {consumer_number} already: undo that, or give another name",
                name=self._name,
                month=f"{self._month:%Y-%m}",
                consumer_number=number,
            )

    def _form_faults(self, today: date) -> Iterator[str]:
        if not self._name:
            yield say("give the dues a name, such as Maintenance")
        if len(self._name) > NAME_LENGTH:
            yield say("the name of dues has at most {most} characters", most=NAME_LENGTH)
        if not today - _BACK <= self._month <= today + _AHEAD:
            yield say("the month {month} is too far from today", month=f"{self._month:%Y-%m}")
        if any(not 0 <= amount < MOST_MINOR for amount in (self.each_minor, *self._listed.values())):
            yield say("an amount is 0 or more, and below {most}", most=MOST_MINOR)
        numbers = [one.consumer_number for one in self.flats]
        for number in sorted({number for number in numbers if numbers.count(number) > 1}):
            yield say("{consumer_number} is listed twice", consumer_number=number)

    def _flat_faults(self, flats: dict[str, Agreement | None]) -> Iterator[str]:
        for number in self._listed:
            if number not in flats:
                yield say(
                    "{consumer_number} is no flat of {premise}",
                    consumer_number=number,
                    premise=self.premise_code,
                )
            elif flats[number] is None:
                yield say(
                    "{consumer_number} has no agreement in force that could owe it", consumer_number=number
                )

    @property
    def _name(self) -> str:
        return self.due_name.strip()

    @property
    def _month(self) -> date:
        return self.month.replace(day=1)

    @property
    def _listed(self) -> dict[str, int]:
        return {one.consumer_number: one.due_minor for one in self.flats}

    def _dues(self, flats: dict[str, Agreement | None]) -> list[FlatDue]:
        """Return what each flat would owe, in the order of consumer numbers."""
        listed = self._listed
        return [
            FlatDue(number, agreement.service_point_id, agreement, amount)
            for number, agreement in flats.items()
            if agreement is not None and (amount := listed.get(number, self.each_minor)) > 0
        ]

    def total_minor(self, now: datetime) -> int:
        """Return what it would post to all flats together at an instant (UTC), in minor units."""
        society = Premise.objects.filter(code=self.premise_code.strip()).first()
        return 0 if society is None else sum(one.amount_minor for one in self._dues(_flats(society, now)))

    def carry_out(self, execution: Execution) -> None:
        society = Premise.objects.get(code=self.premise_code.strip())
        flats = _flats(society, execution.recorded_at)
        dues = self._dues(flats)
        accounts = accounts_beside(
            {one.agreement.account_id: one.agreement.account.currency for one in dues}, execution.recorded_at
        )
        reference = f"{self._name} {self._month:%Y-%m}"
        for one in dues:
            account_id = accounts[one.agreement.account_id]
            due = MaintenanceDue.objects.create(
                id=next_id(bucket_of(account_id)),
                account_id=account_id,
                premise=society,
                service_point_id=one.service_point_id,
                month=self._month,
                name=self._name,
                amount_minor=one.amount_minor,
                **execution.stamp,
            )
            side_effects.debit(
                execution,
                account_id,
                one.amount_minor,
                MAINTENANCE_DUE,
                MAINTENANCE_DUE,
                f"{MAINTENANCE_DUE}:{due.id}",
                reference,
            )
        execution.outcome |= {
            "flats": len(dues),
            "dues_minor": sum(one.amount_minor for one in dues),
            "without_agreement": sum(agreement is None for agreement in flats.values()),
        }


def paid_account(electricity_id: int, paid_for: str) -> int | None:
    """Return the account that a payment goes to; None for maintenance where no due was ever posted.

    `paid_for` is `electricity` or `maintenance`.
    """
    return account_beside(electricity_id) if paid_for == "maintenance" else electricity_id


def no_maintenance_fault(consumer_number: str) -> str:
    """Return that there is no maintenance account to pay."""
    return say(
        "no maintenance was posted to {consumer_number}: a payment for it has nothing to pay",
        consumer_number=consumer_number,
    )


def _flats(society: Premise, now: datetime) -> dict[str, Agreement | None]:
    """Return the agreement in force at each flat of a society, by consumer number in its order.

    A flat with electricity and gas owes once, beside its electricity.
    """
    supplied = [
        one
        for one in premises.service_points(society.id, "consumer_number")
        if one.purpose == Purpose.CONSUMER
    ]
    electric = {one.premise_id for one in supplied if one.commodity == Commodity.ELECTRICITY}
    points = {
        one.id: one.consumer_number
        for one in supplied
        if one.commodity == Commodity.ELECTRICITY or one.premise_id not in electric
    }
    in_force = Agreement.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=now), service_point_id__in=points, valid_from__lte=now
    )
    by_point = {one.service_point_id: one for one in in_force.select_related("account")}
    return {number: by_point.get(id_) for id_, number in points.items()}
