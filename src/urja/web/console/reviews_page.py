"""The page of charge reviews: what waits for a decision, what was decided, and what was not charged as it is too old."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse

from urja.apps.billing.kinds import RefusedCharge, ReviewRow
from urja.apps.billing.queries import charge_reviews, refused_charges
from urja.apps.contracts import queries as contracts
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import write_scope
from urja.apps.network.queries import consumer_numbers
from urja.usecases.kinds.money import DecideReview
from urja.web.console import wording
from urja.web.console.fields import form_values
from urja.web.console.search_page import address_of
from urja.web.shared import formats, review_words
from urja.web.shared.clock import zone

ENDED: Final = 20
REFUSED: Final = 100
"""Rows shown; the sum above them is complete."""


@dataclass(frozen=True, slots=True)
class ReviewLine:
    number: str
    href: str
    day: str
    charge: str
    usual: str
    due: str
    """When it is to be decided, or when it has ended."""
    overdue: bool
    outcome: str
    """How it ended, with the note; empty while it runs."""
    decide: str
    """Address of the operation's form, filled in; empty where the caller may not decide."""


@dataclass(frozen=True, slots=True)
class RefusedLine:
    number: str
    href: str
    sentence: str
    policy: str


@dataclass(frozen=True, slots=True)
class ReviewsPage:
    running: list[ReviewLine]
    ended: list[ReviewLine]
    refused: list[RefusedLine]
    refused_totals: list[str]
    """Sum and number of what was not charged, of each currency."""


def reviews_page(caller: Caller, now: datetime) -> ReviewsPage:
    """Return the reviews and refused charges of the whole utility."""
    running, ended = charge_reviews.running_reviews(), charge_reviews.ended_reviews(ENDED)
    refused = refused_charges.newest_refused_charges(REFUSED)
    reviewed = [one.agreement_id for one in (*running, *ended)]
    numbers = numbers_of_agreements([*reviewed, *(one.agreement_id for one in refused)])
    may_decide = caller.area(write_scope(DecideReview.kind())) is not None
    return ReviewsPage(
        running=[_line(one, numbers[one.agreement_id], now, may_decide=may_decide) for one in running],
        ended=[_line(one, numbers[one.agreement_id], now, may_decide=False) for one in ended],
        refused=[_refused(one, numbers[one.agreement_id]) for one in refused],
        refused_totals=[
            f"{formats.money(minor, currency)} ({count})"
            for currency, count, minor in refused_charges.refused_totals()
        ],
    )


def numbers_of_agreements(agreement_ids: list[int]) -> dict[int, str]:
    """Return the consumer number of each agreement's service point."""
    agreements = contracts.agreements(sorted(set(agreement_ids)))
    numbers = consumer_numbers([one.service_point_id for one in agreements])
    return {one.id: numbers[one.service_point_id] for one in agreements}


def _line(one: ReviewRow, number: str, now: datetime, *, may_decide: bool) -> ReviewLine:
    at = one.due_at if one.ended_at is None else one.ended_at
    form = reverse("console:operation", args=[DecideReview.kind()])
    content = {"consumer_number": number, "review_id": one.id}
    outcome = wording.choice(one.outcome) if one.outcome else ""
    return ReviewLine(
        number=number,
        href=address_of(number),
        day=formats.day(one.day),
        charge=formats.money(one.charge_minor, one.currency),
        usual=formats.money(one.mean_minor, one.currency),
        due=formats.moment(at.astimezone(zone()), now.date()),
        overdue=one.ended_at is None and one.due_at <= now,
        outcome=" · ".join(filter(None, (outcome, one.note))),
        decide=f"{form}?{urlencode(form_values(DecideReview, content))}" if may_decide else "",
    )


def _refused(one: RefusedCharge, number: str) -> RefusedLine:
    return RefusedLine(number, address_of(number), review_words.refused_sentence(one), one.policy)
