"""What is said of a charge that is reviewed, and of one that was not made because its period is too old."""

from datetime import datetime
from typing import assert_never

from django.utils.translation import gettext as _

from urja.apps.billing.kinds import RefusalCause, RefusedCharge, ReviewOutcome, ReviewRow
from urja.web.shared import formats
from urja.web.shared.clock import zone


def review_sentence(review: ReviewRow, now: datetime) -> str:
    """A sentence for the consumer about the review of a day's charge, running or ended."""
    said = {
        "amount": formats.money(review.charge_minor, review.currency),
        "day": formats.day(review.day),
        "credited": formats.money(review.credited_minor, review.currency),
        "moment": formats.moment(review.ends_at.astimezone(zone()), now.date()),
    }
    return _review_words(review.outcome) % said


def _review_words(outcome: str) -> str:
    match ReviewOutcome(outcome) if outcome else None:
        case None:
            return _(
                "The charge of %(amount)s of %(day)s is unusually high and is being reviewed. Your supply is not disconnected meanwhile, until %(moment)s at the latest."
            )
        case ReviewOutcome.CONFIRMED:
            return _("The charge of %(amount)s of %(day)s was reviewed. It is right.")
        case ReviewOutcome.CORRECTED:
            return _("The charge of %(amount)s of %(day)s was reviewed and corrected.")
        case ReviewOutcome.WAIVED:
            return _("The charge of %(amount)s of %(day)s was reviewed, and charges were waived.")
        case ReviewOutcome.CREDITED:
            return _(
                "The review of the charge of %(amount)s of %(day)s was not decided in time. %(credited)s above your usual charge was given back."
            )
        case ReviewOutcome.STOOD:
            return _(
                "The review of the charge of %(amount)s of %(day)s was not decided in time. The charge stands."
            )
        case other:
            assert_never(other)


def refused_sentence(refused: RefusedCharge) -> str:
    """A sentence about a charge that was not made, because its billing period is older than the look-back limit."""
    return _refused_words(RefusalCause(refused.cause)) % {
        "amount": formats.money(refused.amount_minor, refused.currency),
        "day": formats.day(refused.period_start),
        "months": refused.months,
    }


def _refused_words(cause: RefusalCause) -> str:
    match cause:
        case RefusalCause.READINGS:
            return _(
                "%(amount)s more for the billing period from %(day)s is not charged: a reading came late or was corrected, and the period began more than %(months)s months before."
            )
        case RefusalCause.PRICES:
            return _(
                "%(amount)s more for the billing period from %(day)s is not charged: a price or terms were recorded for past days, and the period began more than %(months)s months before."
            )
        case RefusalCause.DAYS:
            return _(
                "%(amount)s more for the billing period from %(day)s is not charged: other days were recorded, and the period began more than %(months)s months before."
            )
        case RefusalCause.LATE_CLOSE:
            return _(
                "%(amount)s for the billing period from %(day)s is not charged: its days were not charged in time, and the period began more than %(months)s months before."
            )
        case other:
            assert_never(other)
