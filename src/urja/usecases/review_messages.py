"""Messages to consumers about reviews of abnormal charges: one when it begins, one when it has ended."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from urja.apps.billing.kinds import ReviewOutcome
from urja.apps.billing.models import Review
from urja.apps.local_zone import local_zone
from urja.apps.notices import operations as notices
from urja.base.untyped_values import JsonObject

BEGUN: Final = "review"
ENDED: Final = "review_ended"


def request_begun(review_ids: Iterable[int], at: datetime) -> None:
    """Request the messages that reviews have begun."""
    _request(BEGUN, review_ids, at)


def request_ended(review_ids: Iterable[int], at: datetime) -> None:
    """Request the messages that reviews have ended, each with its outcome."""
    _request(ENDED, review_ids, at)


def _request(kind: str, review_ids: Iterable[int], at: datetime) -> None:
    notices.request_notices(
        [
            notices.Request(review.account_id, kind, _params(review), f"{kind}:{review.id}")
            for review in Review.objects.filter(id__in=list(review_ids)).order_by("id")
        ],
        at,
    )


def _params(review: Review) -> JsonObject:
    said: JsonObject = {"charged_on": review.day.isoformat()}
    if not review.outcome:
        ends_at = review.ends_at.astimezone(local_zone()).isoformat(timespec="seconds")
        return {**said, "charge_minor": review.charge_minor, "review_ends_at": ends_at}
    # Each outcome has a sentence of its own, which is said where its amount is known.
    said[f"{review.outcome}_minor"] = review.charge_minor
    if review.outcome == ReviewOutcome.CREDITED and review.credited_minor:
        said["given_back_minor"] = review.credited_minor
    return said
