"""Ownership of what an outside system's file contains: the system's numbers are stored with the objects."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Model

from urja.apps.journal.models import External
from urja.apps.journal.operation import Execution, UseCase
from urja.base.sentences import say
from urja.usecases.agreement_lifecycle import newest_agreement
from urja.usecases.ownership import record_ownership
from urja.usecases.premises import premises_of
from urja.usecases.service_points import service_points_of


class RecordOwnership(UseCase, kw_only=True):
    """Record the numbers by which a system knows a row's service point, premise and person, and which columns it
    owns.
    """

    system: str
    owned: dict[str, list[str]]
    """By kind of object."""
    consumer_number: str = ""
    premise_code: str = ""
    person_number: str = ""

    def faults(self, execution: Execution) -> Iterator[str]:
        for kind, number, row in self._objects(execution):
            if number and row is not None and (link := self._link(kind, row)) not in (None, number):
                yield say(
                    "{kind} {row} is {external} in {system} already",
                    kind=kind.replace("_", " "),
                    row=row,
                    external=link,
                    system=self.system,
                )

    def carry_out(self, execution: Execution) -> None:
        made = 0
        for kind, number, row in self._objects(execution):
            if row is not None:
                # An object without a number of its own gets that of the first service point it came with.
                called = number or self._link(kind, row) or self.consumer_number
                made += record_ownership(self.system, kind, called, row.pk, self.owned[kind])
        execution.outcome["external"] = made

    def _link(self, kind: str, row: Model) -> str | None:
        found = External.objects.filter(system=self.system, kind=kind, object_id=row.pk)
        return found.values_list("external_id", flat=True).first()

    def _objects(self, execution: Execution) -> Iterator[tuple[str, str, Any]]:
        service_point = (
            execution.find(service_points_of, self.consumer_number) if self.consumer_number else None
        )
        premise = (
            service_point.premise
            if service_point is not None
            else execution.find(premises_of, self.premise_code)
        )
        for kind in self.owned:
            match kind:
                case "service_point":
                    yield kind, self.consumer_number, service_point
                case "premise":
                    yield kind, self.premise_code, premise
                case _:
                    agreement = None if service_point is None else newest_agreement(service_point)
                    yield kind, self.person_number, agreement and agreement.customer
