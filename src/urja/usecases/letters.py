"""Posted letters: where the policy says so, a letter serves the notices that a disconnection requires."""

from collections.abc import Iterator

from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.network.models import ServicePoint
from urja.apps.notices import queries as notices
from urja.base.sentences import say
from urja.usecases import side_effects
from urja.usecases.kinds import connections
from urja.usecases.meter_installation import future_faults
from urja.usecases.service_points import no_service_point_fault, service_point_of

REFERENCE_LENGTH = 100


class RecordLetter(connections.RecordLetter, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from future_faults(execution, self.posted_at)
        if not self.reference.strip():
            yield say("give the proof of posting, such as the number of the registered letter")
        if len(self.reference) > REFERENCE_LENGTH:
            yield say("the number of a letter has at most {most} characters", most=REFERENCE_LENGTH)
        service_point = service_point_of(self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
            return
        agreement = self._agreement(service_point)
        if agreement is None:
            yield say(
                "the current agreement at {service_point} was not in force at {posted_at}",
                service_point=service_point,
                posted_at=self.posted_at.isoformat(),
            )
        elif notices.letter(agreement.account_id, self.reference) is not None:
            yield say("letter {reference} is recorded already", reference=self.reference)

    def carry_out(self, execution: Execution) -> None:
        service_point = ServicePoint.objects.get(consumer_number=self.consumer_number)
        agreement = self._agreement(service_point)
        assert agreement is not None, "its absence is a fault"
        side_effects.letter(execution, agreement.account_id, self.posted_at, self.reference)
        execution.service_point_id = service_point.id
        execution.outcome["account_id"] = agreement.account_id

    def _agreement(self, service_point: ServicePoint) -> Agreement | None:
        """Return the agreement in force, if it was in force when the letter was posted."""
        begun = Agreement.objects.filter(
            service_point=service_point, valid_to=None, valid_from__lte=self.posted_at
        )
        return begun.first()
