"""Reviews of abnormal charges: opened with the close of a day, decided by a person, ended by their clock.

Which charge is abnormal, and for how long its review runs, is a rule of the policy that governs the account (`reviews`).
While a review runs its supply is not disconnected (docs/policy.md).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection, transaction

from urja.apps.billing.agreement_periods import days_of
from urja.apps.billing.kinds import ReviewOutcome
from urja.apps.billing.models import Review
from urja.apps.books.operations import request_credit
from urja.apps.contracts.kinds import Agreement
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.errors import UnknownPolicyError
from urja.apps.rulebook.queries.policies import name_of, policy_book
from urja.core.calendar import local_day
from urja.core.policy import Policy, ReviewRules

WAIVER: Final = "waiver"
"""Kind of the credit that gives back an undecided charge, as of one that a person waives."""


def open_abnormal(charged: Iterable[tuple[Agreement, int]], day: date, now: datetime) -> list[int]:
    """Open the reviews of what agreements were charged on a local day (minor units), in the transaction that posts it.

    Returns the numbers of those that were opened. An account that has one already gets no second one.
    """
    judged = [
        (agreement, minor, policy, rules)
        for agreement, minor, policy, rules in _with_rules(charged, now)
        if minor > rules.above_minor
        # With fewer charged days before it there is no usual charge to compare with.
        and days_of(agreement).first <= day - timedelta(days=rules.days)
    ]
    if not judged:
        return []
    before = _charged_before([(agreement, rules.days) for agreement, _, _, rules in judged], day)
    return [
        opened
        for agreement, minor, policy, rules in judged
        if rules.abnormal(minor, before[agreement.id])
        for opened in _open(agreement, day, minor, before[agreement.id], policy, rules, now)
    ]


def _with_rules(
    charged: Iterable[tuple[Agreement, int]], now: datetime
) -> list[tuple[Agreement, int, Policy, ReviewRules]]:
    """Return the charges of accounts whose policy opens reviews, with the policy in force at `now`."""
    policies = policy_book()
    today = local_day(now, local_zone())
    all_rules = [
        policy.reviews.above_minor
        for versions in policies.versions.values()
        for policy in versions
        if policy.reviews is not None
    ]
    found = []
    for agreement, minor in charged:
        # Most charges are below every amount: their policy is not looked for.
        if not all_rules or minor <= min(all_rules):
            continue
        terms = agreement.terms_at(now)
        try:
            policy = policies.governs(terms.policy, terms.category, today)
        except UnknownPolicyError:
            continue
        if policy.reviews is not None:
            found.append((agreement, minor, policy, policy.reviews))
    return found


def _charged_before(asked: Sequence[tuple[Agreement, int]], day: date) -> dict[int, int]:
    """Return what was charged by the use of so many local days before a day, in minor units, by agreement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT asked.id, (SELECT coalesce(-sum(e.amount_minor + coalesce((e.inputs->>'at_close')::bigint, 0) "
            "  + coalesce((e.inputs->>'clawed_back')::bigint, 0)), 0)::bigint FROM books.entry e "
            "  WHERE e.origin = 'engine' AND e.agreement_id = asked.id AND e.service_date >= asked.first "
            "  AND e.service_date < %s) FROM unnest(%s::bigint[], %s::date[]) AS asked (id, first)",
            [
                day,
                [agreement.id for agreement, _ in asked],
                [day - timedelta(days=days) for _, days in asked],
            ],
        )
        return dict(cursor.fetchall())


def _open(
    agreement: Agreement,
    day: date,
    charge_minor: int,
    before_minor: int,
    policy: Policy,
    rules: ReviewRules,
    now: datetime,
) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_review (id, agreement_id, account_id, day, charge_minor, before_minor, days, policy, "
            "undecided, opened_at, due_at, ends_at) SELECT (%(agreement)s::bigint >> 40 << 40) | nextval('journal_number'), "
            "%(agreement)s, %(account)s, %(day)s, %(charge)s, %(before)s, %(days)s, %(policy)s, %(undecided)s, %(now)s, "
            "%(due)s, %(ends)s ON CONFLICT DO NOTHING RETURNING id",
            {
                "agreement": agreement.id,
                "account": agreement.account_id,
                "day": day,
                "charge": charge_minor,
                "before": before_minor,
                "days": rules.days,
                "policy": name_of(policy),
                "undecided": rules.undecided,
                "now": now,
                "due": now + timedelta(days=rules.decide_within_days),
                "ends": now + timedelta(days=rules.ends_after_days),
            },
        )
        return [number for (number,) in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Since:
    """What was given back on an account since a review began, in minor units."""

    corrected_minor: int
    """Charges that the engine has taken back."""
    waived_minor: int
    """Credits of the kind `waiver`."""


def since(review: Review) -> Since:
    """Return what was given back since a review began."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT coalesce(sum(e.amount_minor), 0)::bigint FROM books.entry e WHERE e.origin = 'engine' "
            "  AND e.agreement_id = %(agreement)s AND e.amount_minor > 0 AND e.posted_at > %(opened)s), "
            "(SELECT coalesce(sum(c.amount_minor), 0)::bigint FROM books.credit_request c "
            "  WHERE c.account_id = %(account)s AND c.kind = %(waiver)s AND c.requested_at > %(opened)s)",
            {
                "agreement": review.agreement_id,
                "account": review.account_id,
                "opened": review.opened_at,
                "waiver": WAIVER,
            },
        )
        return Since(*cursor.fetchone())


def lock(review_id: int) -> Review | None:
    """Return a review, locked until the transaction ends; None where there is none."""
    return Review.objects.select_for_update().filter(id=review_id).first()


def decide(review: Review, outcome: ReviewOutcome, note: str, operation_id: int, at: datetime) -> None:
    """End a running review by a person's decision."""
    Review.objects.filter(id=review.id, ended_at=None).update(
        outcome=outcome, note=note, operation_id=operation_id, ended_at=at
    )


def over(now: datetime) -> list[int]:
    """Return the reviews whose time is over at `now` (business time)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM billing_review WHERE ended_at IS NULL AND ends_at <= %s ORDER BY id", [now]
        )
        return [id_ for (id_,) in cursor.fetchall()]


def end_undecided(review_id: int, now: datetime) -> bool:
    """End a review whose time is over at `now` (business time); return whether this call did.

    Under `credited` the part of the charge above the mean is given back, less what was corrected or waived since; under
    `stands` the charge stands.
    """
    with transaction.atomic():
        review = (
            Review.objects.select_for_update(skip_locked=True).filter(id=review_id, ended_at=None).first()
        )
        if review is None:
            return False
        is_credited = review.undecided == ReviewOutcome.CREDITED
        credited_minor = _excess_minor(review) if is_credited else 0
        if credited_minor:
            request_credit(
                account_id=review.account_id,
                amount_minor=credited_minor,
                kind=WAIVER,
                idempotency_key=f"review:{review.id}",
                requested_at=now,
                reference=f"review {review.id} of {review.day}",
            )
        Review.objects.filter(id=review.id).update(
            outcome=ReviewOutcome.CREDITED if is_credited else ReviewOutcome.STOOD,
            ended_at=now,
            credited_minor=credited_minor,
        )
    return True


def _excess_minor(review: Review) -> int:
    given = since(review)
    mean_minor = max(review.before_minor, 0) // review.days
    return max(review.charge_minor - mean_minor - given.corrected_minor - given.waived_minor, 0)
