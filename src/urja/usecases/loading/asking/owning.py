"""What an outside system's file says, that system owns from then on: its numbers are kept with what they name."""

from collections.abc import Iterator
from typing import Any

from urja.apps.journal.models import External
from urja.apps.journal.operation import Doing, UseCase
from urja.base.sentences import say
from urja.usecases.arriving import current
from urja.usecases.ownership import remember
from urja.usecases.places import places_of
from urja.usecases.premises import premises_of


class Owning(UseCase, kw_only=True):
    """By what numbers a system knows a row's connection, premise and person, and which of their columns it owns."""

    system: str
    owned: dict[str, list[str]]
    """By kind of object."""
    consumer_number: str = ""
    premise_code: str = ""
    person_number: str = ""

    def faults(self, doing: Doing) -> Iterator[str]:
        for kind, number, row in self._objects(doing):
            if number and row is not None and (link := self._link(kind, row)) not in (None, number):
                yield say(
                    "{kind} {row} is {external} in {system} already",
                    kind=kind.replace("_", " "),
                    row=row,
                    external=link,
                    system=self.system,
                )

    def carry_out(self, doing: Doing) -> None:
        made = 0
        for kind, number, row in self._objects(doing):
            if row is not None:
                # What has no number of its own bears that of the connection that it was met at first.
                called = number or self._link(kind, row) or self.consumer_number
                made += remember(self.system, kind, called, row.pk, self.owned[kind])
        doing.outcome["external"] = made

    def _link(self, kind: str, row: Any) -> str | None:
        found = External.objects.filter(system=self.system, kind=kind, object_id=row.pk)
        return found.values_list("external_id", flat=True).first()

    def _objects(self, doing: Doing) -> Iterator[tuple[str, str, Any]]:
        place = doing.find(places_of, self.consumer_number) if self.consumer_number else None
        premise = place.premise if place is not None else doing.find(premises_of, self.premise_code)
        for kind in self.owned:
            match kind:
                case "service_point":
                    yield kind, self.consumer_number, place
                case "premise":
                    yield kind, self.premise_code, premise
                case _:
                    agreement = None if place is None else current(place)
                    yield kind, self.person_number, agreement and agreement.customer
