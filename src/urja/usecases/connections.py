"""New connections: a service point at a premise, placed under nodes, with a work order for its meter.

The next steps are separate operations: `InstallMeter` installs the meter and closes the work order, `Commission`
calls it, `MoveIn` begins an agreement.
"""

import secrets
from collections.abc import Iterator

from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.network.kinds import Commodity, PremiseKind, Purpose, Tree
from urja.apps.network.models import Premise, ServicePoint
from urja.apps.work.kinds import WorkOrderKind
from urja.base.ids import BUCKETS, bucket_of
from urja.base.sentences import say
from urja.usecases import network
from urja.usecases.kinds import connections
from urja.usecases.kinds.network import PHASES
from urja.usecases.service_points import service_points_of
from urja.usecases.work_orders import open_order


class NewConnection(connections.NewConnection, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from self.word_faults(execution)
        yield from self._premise_faults()
        yield from self.placement_faults(execution)

    def word_faults(self, execution: Execution) -> Iterator[str]:
        """Yield what is wrong with the number, the purpose and other words."""
        if not 0 < len(self.consumer_number.strip()) <= 32:
            yield say("a consumer number has 1 to 32 characters")
        elif execution.find(service_points_of, self.consumer_number) is not None:
            yield say("service point {consumer_number} exists already", consumer_number=self.consumer_number)
        yield from _choice_faults(say("a premise"), self.premise_kind, PremiseKind.values)
        yield from _choice_faults(say("the purpose of a service point"), self.purpose, Purpose.values)
        yield from _choice_faults(say("a commodity"), self.commodity, Commodity.values)
        yield from _choice_faults(say("a phase"), self.phase, PHASES)

    def placement_faults(self, execution: Execution) -> Iterator[str]:
        """Yield why the licensee or a node cannot be used."""
        yield from licensee_faults(execution, self.licensee, self.commodity)
        yield from network.node_faults(self.administration, Tree.ADMINISTRATION, execution)
        yield from network.node_faults(self.grid, Tree.GRID, execution)

    def _premise_faults(self) -> Iterator[str]:
        if not self._premise_exists() and not self.premise_name.strip():
            yield say("give the name of a new premise, or the code of an existing one")
        if self._premise_exists() and self.premise_name:
            yield say(
                "premise {premise_code} exists already: leave its name out", premise_code=self.premise_code
            )
        if self.part_of and not Premise.objects.filter(code=self.part_of).exists():
            yield say("there is no premise {part_of} for it to be part of", part_of=self.part_of)

    def _premise_exists(self) -> bool:
        return bool(self.premise_code) and Premise.objects.filter(code=self.premise_code).exists()

    def carry_out(self, execution: Execution) -> None:
        premise = self._premise(execution)
        service_point = self.connect(execution, premise)
        order = open_order(
            execution,
            WorkOrderKind.INSTALL,
            service_point,
            {"note": self.note, "purpose": self.purpose, "phase": self.phase},
            due_at=self.due_at,
        )
        execution.outcome |= {
            "premise_id": premise.id,
            "service_point_id": service_point.id,
            "work_order_id": order.id,
        }

    def connect(self, execution: Execution, premise: Premise) -> ServicePoint:
        """Create the service point at a premise, and place it under its nodes."""
        service_point = ServicePoint.objects.create(
            id=next_id(bucket_of(premise.id)),
            premise=premise,
            licensee=execution.find(network.licensees_of, self.licensee) if self.licensee else None,
            commodity=self.commodity,
            purpose=self.purpose,
            consumer_number=self.consumer_number,
            **execution.stamp,
        )
        for named, phase in ((self.administration, ""), (self.grid, self.phase)):
            node = execution.find(network.nodes_of, named) if named else None
            if node is not None:
                network.place_service_point(execution, service_point, node, self.connected_at, phase)
        execution.service_point_id = service_point.id
        return execution.made(service_points_of, service_point.consumer_number, service_point)

    def _premise(self, execution: Execution) -> Premise:
        if self._premise_exists():
            return Premise.objects.get(code=self.premise_code)
        return Premise.objects.create(
            id=next_id(secrets.randbelow(BUCKETS)),
            code=self.premise_code or None,
            name=self.premise_name,
            kind=self.premise_kind,
            parent=Premise.objects.get(code=self.part_of) if self.part_of else None,
            address=self.address,
            pin_code=self.pin_code,
            **execution.stamp,
        )


class PutLicensee(UseCase, kw_only=True):
    """Set the licensee of a service point, as an older or outside system reports it."""

    consumer_number: str
    licensee: str
    """Code of the licensee."""

    def faults(self, execution: Execution) -> Iterator[str]:
        service_point = execution.find(service_points_of, self.consumer_number)
        if service_point is not None:
            yield from licensee_faults(execution, self.licensee, service_point.commodity)

    def carry_out(self, execution: Execution) -> None:
        service_point = execution.find(service_points_of, self.consumer_number)
        licensee = execution.find(network.licensees_of, self.licensee)
        if service_point is not None and service_point.licensee != licensee:
            execution.change(service_point, licensee=licensee)


def licensee_faults(execution: Execution, code: str, commodity: str) -> Iterator[str]:
    """Yield why a licensee cannot supply a commodity; an empty code means no licensee."""
    if not code:
        return
    licensee = execution.find(network.licensees_of, code)
    if licensee is None:
        yield say("there is no licensee {licensee}", licensee=code)
    elif licensee.commodity != commodity:
        yield say(
            "licensee {licensee} supplies {supplied}, not {commodity}",
            licensee=code,
            supplied=licensee.commodity,
            commodity=commodity,
        )


def _choice_faults(what: str, given: str, choices: tuple[str, ...] | list[str]) -> Iterator[str]:
    if given not in choices:
        yield say(
            "{what} is {choices}, not {given}",
            what=what,
            choices=", ".join(filter(None, choices)),
            given=repr(given),
        )
