"""The decision of the review of an abnormal charge."""

from collections.abc import Iterator

from urja.apps.billing import reviews
from urja.apps.billing.kinds import ReviewOutcome
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase
from urja.base.sentences import say
from urja.usecases import review_messages
from urja.usecases.kinds import money
from urja.usecases.service_points import no_service_point_fault, service_point_of


def _is_at(agreement_id: int, service_point_id: int) -> bool:
    return Agreement.objects.filter(id=agreement_id, service_point_id=service_point_id).exists()


class DecideReview(money.DecideReview, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.reason.strip():
            yield say("give a reason")
        service_point = service_point_of(self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
            return
        review = reviews.lock(self.review_id)
        if review is None or not _is_at(review.agreement_id, service_point.id):
            yield say(
                "there is no review {review} of {consumer_number}",
                review=self.review_id,
                consumer_number=self.consumer_number,
            )
            return
        if review.ended_at is not None:
            yield say("review {review} has ended already", review=review.id)
            return
        given = reviews.since(review)
        if self.outcome == "corrected" and not given.corrected_minor:
            yield say(
                "no charge was taken back since the review began: correct the reading first, and wait for the next close"
            )
        if self.outcome == "waived" and not given.waived_minor:
            yield say("nothing was waived since the review began: waive_charges comes first")

    def carry_out(self, execution: Execution) -> None:
        review = reviews.lock(self.review_id)
        assert review is not None, "its absence is a fault"
        reviews.decide(
            review, ReviewOutcome(self.outcome), self.reason.strip(), execution.id, execution.recorded_at
        )
        review_messages.request_ended([review.id], execution.recorded_at)
        service_point = service_point_of(self.consumer_number)
        assert service_point is not None, "its absence is a fault"
        execution.service_point_id = service_point.id
        execution.outcome["account_id"] = review.account_id
        execution.outcome["review_id"] = review.id
