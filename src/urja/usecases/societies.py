"""A society is set up at once: its premises and service points, as new connections make them, without work orders.

The consumer numbers are those that a society's spreadsheet makes of its flats (`core.sheets`), so that its residents
are loaded onto them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from urja.apps.journal.operation import Execution, UseCase
from urja.apps.network.kinds import PremiseKind, Purpose
from urja.apps.network.models import Premise
from urja.base.sentences import say
from urja.core.sheets.sheet_map import initials
from urja.usecases.connections import NewConnection
from urja.usecases.kinds import societies
from urja.usecases.kinds.societies import Tower
from urja.usecases.premises import PutPremise
from urja.usecases.service_points import service_points_of

MOST_FLATS: Final = 5_000
_FLOOR: Final = 100
"""A flat's number is its floor followed by two digits."""


@dataclass(frozen=True, slots=True)
class Place:
    """A service point of the society and the premise that it is at; `tower` is empty outside the towers."""

    number: str
    purpose: Purpose
    tower: str = ""
    premise: str = ""
    """Name of its own premise; empty for one at the society itself."""


def flats_of(tower: Tower) -> list[str]:
    """Return the names of a tower's flats, floor by floor, such as A-101."""
    return [
        f"{tower.name.strip()}-{floor}{flat:02}"
        for floor in range(tower.first_flat // _FLOOR, tower.last_flat // _FLOOR + 1)
        for flat in range(tower.first_flat % _FLOOR, tower.last_flat % _FLOOR + 1)
    ]


class SetUpSociety(societies.SetUpSociety, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        if not self.name.strip():
            yield say("give the name of the society")
        if not self.towers:
            yield say("give at least one tower with its flats")
        ranges = list(self._tower_faults())
        yield from ranges
        if not self._prefix:
            yield say("the name has no letters from which consumer numbers could begin: give a prefix")
            return
        if Premise.objects.filter(code=self._code).exists():
            yield say(
                "another premise has the code {code}: give the society another code", code=repr(self._code)
            )
        yield from self._name_faults()
        if not ranges:
            yield from self._place_faults(execution)

    def _tower_faults(self) -> Iterator[str]:
        for tower in self.towers:
            spans = [
                (tower.first_flat // _FLOOR, tower.last_flat // _FLOOR),
                (tower.first_flat % _FLOOR, tower.last_flat % _FLOOR),
            ]
            if tower.first_flat < 0 or any(first > last for first, last in spans):
                yield say(
                    "the flats {first} to {last} of tower {tower} are no floors with the same flats: give the first flat of the lowest floor and the last of the highest, such as 101 and 1204",
                    first=tower.first_flat,
                    last=tower.last_flat,
                    tower=repr(tower.name),
                )
                return
        count = sum(
            (tower.last_flat // _FLOOR - tower.first_flat // _FLOOR + 1)
            * (tower.last_flat % _FLOOR - tower.first_flat % _FLOOR + 1)
            for tower in self.towers
        )
        if count > MOST_FLATS:
            yield say("{count} flats are more than {most}: set it up in parts", count=count, most=MOST_FLATS)

    def _name_faults(self) -> Iterator[str]:
        for what, names in (
            (say("tower"), [tower.name.strip().upper() for tower in self.towers]),
            (say("common area"), [name.strip().upper() for name in self.common_areas]),
        ):
            if "" in names:
                yield say("give every {what} a name", what=what)
            for name in sorted({name for name in names if name and names.count(name) > 1}):
                yield say("{what} {name} is given twice", what=what, name=name)

    def _place_faults(self, execution: Execution) -> Iterator[str]:
        places = self.places()
        execution.find_ahead(service_points_of, [place.number for place in places])
        found: dict[str, None] = {}
        for place in places:
            found |= dict.fromkeys(self._connection(place).word_faults(execution))
        found |= dict.fromkeys(self._connection(places[0]).placement_faults(execution) if places else ())
        yield from found

    @property
    def _prefix(self) -> str:
        return self.prefix.strip() or initials(self.name)

    @property
    def _code(self) -> str:
        return self.code.strip() or self._prefix.strip("-")

    def places(self) -> list[Place]:
        """Return all service points, the bulk supply first."""
        own = [
            *([Place(f"{self._prefix}BULK", Purpose.BULK)] if self.bulk else []),
            *([Place(f"{self._prefix}DG", Purpose.DG)] if self.generator else []),
        ]
        common = [
            Place(f"{self._prefix}COMMON-{n}", Purpose.COMMON_AREA, premise=name.strip())
            for n, name in enumerate(self.common_areas, 1)
        ]
        flats = [
            Place(f"{self._prefix}{flat}".replace(" ", ""), Purpose.CONSUMER, tower.name.strip(), flat)
            for tower in self.towers
            for flat in flats_of(tower)
        ]
        return [*own, *common, *flats]

    def _connection(self, place: Place) -> NewConnection:
        return NewConnection(
            consumer_number=place.number,
            connected_at=self.connected_at,
            premise_kind=PremiseKind.FLAT,
            purpose=place.purpose,
            administration=self.administration,
            grid=self.grid,
        )

    def carry_out(self, execution: Execution) -> None:
        where = {"address": self.address, "pin_code": self.pin_code}

        def put(name: str, kind: PremiseKind, part_of: int | None, **more: str) -> Premise:
            return PutPremise(values={"name": name, "kind": kind, **where, **more}, part_of=part_of).put(
                execution
            )

        society = put(self.name.strip(), PremiseKind.SOCIETY, None, code=self._code)
        towers = {
            tower.name.strip(): put(tower.name.strip(), PremiseKind.TOWER, society.id)
            for tower in self.towers
        }
        for place in self.places():
            match place.purpose:
                case Purpose.CONSUMER:
                    premise = put(place.premise, PremiseKind.FLAT, towers[place.tower].id)
                case Purpose.COMMON_AREA:
                    premise = put(place.premise, PremiseKind.COMMON_AREA, society.id)
                case _:
                    premise = society
            self._connection(place).connect(execution, premise)
        # It is about all of them, and shown with none.
        execution.service_point_id = None
        execution.outcome |= {"premise_id": society.id, "service_points": len(self.places())}
