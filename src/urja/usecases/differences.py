"""Notes on differences of payments and settlements, and their closing.

The differences themselves are in `urja.apps.payments`; here each step is guarded and recorded.
"""

from collections.abc import Iterator

from urja.apps.journal.operation import Execution, UseCase
from urja.apps.payments import differences
from urja.base.sentences import say
from urja.usecases import side_effects
from urja.usecases.kinds import money


class NoteDifference(money.NoteDifference, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if differences.lock(self.difference_id) is None:
            yield say("there is no difference {difference}", difference=self.difference_id)
        if not self.note.strip():
            yield say("write a note")

    def carry_out(self, execution: Execution) -> None:
        difference = differences.lock(self.difference_id)
        assert difference is not None, "its absence is a fault"
        differences.annotate(
            difference, self.note, at=execution.recorded_at, actor=execution.actor, operation_id=execution.id
        )
        execution.outcome["difference_id"] = difference.id


class CloseDifference(money.CloseDifference, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        difference = differences.lock(self.difference_id)
        if difference is None:
            yield say("there is no difference {difference}", difference=self.difference_id)
        elif difference.closed_at is not None:
            yield say(
                "difference {difference} was closed at {closed_at}",
                difference=difference.id,
                closed_at=difference.closed_at.isoformat(),
            )
        if not self.reason.strip():
            yield say("state how it was settled")

    def carry_out(self, execution: Execution) -> None:
        difference = differences.lock(self.difference_id)
        assert difference is not None, "its absence is a fault"
        differences.close(
            difference,
            self.reason,
            at=execution.recorded_at,
            actor=execution.actor,
            operation_id=execution.id,
        )
        side_effects.closed_difference(execution, difference.id)
        execution.outcome["difference_id"] = difference.id
