"""Protected statuses of consumers, with evidence and period. They are the flags that a policy reads."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q

from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.people.kinds import ProtectionKind
from urja.apps.people.models import Person, Protection
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.usecases.kinds import connections


class Protect(connections.Protect, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if self.kind_of_protection not in ProtectionKind.values:
            yield say(
                "a protected status is {choices}, not {kind_of_protection}",
                choices=" or ".join(ProtectionKind.values),
                kind_of_protection=repr(self.kind_of_protection),
            )
        if not self.evidence.strip():
            yield say("give the evidence, such as the number of a certificate or an order")
        if self.protected_until is not None and self.protected_until <= self.protected_from:
            yield say(
                "the protected status would end at {protected_until}, before it begins",
                protected_until=self.protected_until.isoformat(),
            )
        person = _consumer(self.consumer_number, self.protected_from)
        if person is None:
            yield say(
                "service point {consumer_number} has no consumer at {protected_from}",
                consumer_number=self.consumer_number,
                protected_from=self.protected_from.isoformat(),
            )
            return
        overlapping = Protection.objects.filter(person=person, kind=self.kind_of_protection).filter(
            Q(valid_to=None) | Q(valid_to__gt=self.protected_from)
        )
        if self.protected_until is not None:
            overlapping = overlapping.filter(valid_from__lt=self.protected_until)
        if overlapping.exists():
            yield say("the same protected status is in force in that period already: end it first")

    def carry_out(self, execution: Execution) -> None:
        person = _consumer(self.consumer_number, self.protected_from)
        assert person is not None, "its absence is a fault"
        protection = Protection.objects.create(
            id=next_id(bucket_of(person.id)),
            person=person,
            kind=self.kind_of_protection,
            evidence=self.evidence,
            valid_from=self.protected_from,
            valid_to=self.protected_until,
            **execution.stamp,
        )
        execution.service_point_id = _agreements(self.consumer_number, self.protected_from)[
            0
        ].service_point_id
        execution.outcome["protection_id"] = protection.id


class EndProtection(connections.EndProtection, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.reason.strip():
            yield say("give a reason for the end")
        if self._protection() is None:
            yield say(
                "the consumer of service point {consumer_number} has no protected status {kind_of_protection} at {ended_at}",
                consumer_number=self.consumer_number,
                kind_of_protection=repr(self.kind_of_protection),
                ended_at=self.ended_at.isoformat(),
            )

    def carry_out(self, execution: Execution) -> None:
        protection = self._protection()
        assert protection is not None, "its absence is a fault"
        execution.change(protection, valid_to=self.ended_at)
        execution.service_point_id = _agreements(self.consumer_number, self.ended_at)[0].service_point_id
        execution.outcome["protection_id"] = protection.id

    def _protection(self) -> Protection | None:
        person = _consumer(self.consumer_number, self.ended_at)
        return (
            Protection.objects.filter(
                person=person, kind=self.kind_of_protection, valid_from__lt=self.ended_at
            )
            .exclude(valid_to__lte=self.ended_at)
            .first()
        )


def protections(consumer_number: str, at: datetime) -> list[Protection]:
    """Return the protected statuses of the consumer of a supply at an instant (UTC)."""
    held = Protection.objects.filter(person=_consumer(consumer_number, at), valid_from__lte=at)
    return list(held.exclude(valid_to__lte=at).order_by("kind"))


def _agreements(consumer_number: str, at: datetime) -> list[Agreement]:
    return list(
        Agreement.objects.filter(service_point__consumer_number=consumer_number, valid_from__lte=at)
        .exclude(valid_to__lte=at)
        .select_related("customer")
    )


def _consumer(consumer_number: str, at: datetime) -> Person | None:
    found = _agreements(consumer_number, at)
    return found[0].customer if found else None
