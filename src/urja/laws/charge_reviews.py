"""The law of reviews: each abnormal charge of a day was reviewed, and each review is by the rule of its policy.

What is abnormal is calculated again from the entries, by the text of the policy that governed the agreement then.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from urja.base.untyped_values import JsonMapping
from urja.laws.connections import Connection, streamed
from urja.laws.governing_policy import governing_text

# Without what settles at close and what takes a subsidy back: those are of the whole period.
_CHARGED: Final = """
WITH charged AS (
    SELECT DISTINCT e.agreement_id FROM books_entry e JOIN contracts_agreement a ON a.id = e.agreement_id AND a.valid_to IS NULL
    WHERE e.bucket = %(bucket)s AND e.batch > %(proven)s AND e.origin = 'engine'
)
SELECT agreement_id, service_date, posted_at, -sum(minor)::bigint FROM (
    SELECT agreement_id, service_date, posted_at, amount_minor AS minor FROM books_entry
    WHERE bucket = %(bucket)s AND origin = 'engine'
    UNION ALL
    -- Few have these, and an index: to look into the inputs of each entry takes longer than to sum it.
    SELECT agreement_id, service_date, posted_at,
        coalesce((inputs->>'at_close')::bigint, 0) + coalesce((inputs->>'clawed_back')::bigint, 0) FROM books_entry
    WHERE bucket = %(bucket)s AND origin = 'engine'
        AND account_id >= %(bucket)s::bigint << 40 AND account_id < (%(bucket)s::bigint + 1) << 40
        AND (inputs->'at_close' IS NOT NULL OR inputs->'clawed_back' IS NOT NULL)
) each JOIN charged USING (agreement_id)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_REVIEWS: Final = """
SELECT r.id, r.agreement_id, r.account_id, r.day, r.charge_minor, r.before_minor, r.days, r.policy, r.undecided,
    r.opened_at, r.due_at, r.ends_at, r.ended_at, r.outcome, r.credited_minor,
    (SELECT coalesce(sum(c.amount_minor), 0)::bigint FROM books_credit_request c
        WHERE c.idempotency_key = 'review:' || r.id AND c.account_id = r.account_id AND c.kind = 'waiver'),
    EXISTS (SELECT FROM journal_operation j WHERE j.id = r.operation_id AND j.kind = 'decide_review')
FROM billing_review r WHERE r.id >> 40 = %(bucket)s ORDER BY r.id
"""


class _Review(NamedTuple):
    id: int
    agreement_id: int
    account_id: int
    day: date
    charge_minor: int
    before_minor: int
    days: int
    policy: str
    undecided: str
    opened_at: datetime
    due_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    outcome: str
    credited_minor: int
    given_minor: int
    by_operation: bool

    @property
    def name(self) -> str:
        return f"review {self.id} of agreement {self.agreement_id} on {self.day}"


def examine(connection: Connection, bucket: int, proven: int, zone: str) -> Iterator[str]:
    """Yield abnormal charges, posted to agreements charged after the batch `proven`, that no review is about, and reviews
    that are not by the rule.
    """
    rules = {
        f"{code} {version}": document
        for code, version, text in connection.execute(
            "SELECT code, version, text FROM rulebook_policy_version"
        )
        if "reviews" in (document := tomllib.loads(text))
    }
    if not rules:
        return
    given = {"bucket": bucket, "proven": proven}
    reviews = [_Review(*row) for row in connection.execute(_REVIEWS, given).fetchall()]
    of_agreement: dict[int, list[_Review]] = defaultdict(list)
    for review in reviews:
        of_agreement[review.agreement_id].append(review)
        yield from _by_rule(review, rules.get(review.policy))
    for agreement_id, charges in groupby(streamed(connection, _CHARGED, given), key=itemgetter(0)):
        days = [(day, posted_at, minor) for _, day, posted_at, minor in charges]
        for review in of_agreement[agreement_id]:
            yield from _of_its_charge(review, days)
        yield from _unreviewed(connection, agreement_id, days, of_agreement[agreement_id], rules, zone)


def _by_rule(review: _Review, document: JsonMapping | None) -> Iterator[str]:
    if document is None:
        yield f"{review.name} is by {review.policy}, which opens none"
        return
    rule = document["reviews"]
    ends = rule.get("ends_after_days", rule["decide_within_days"])
    if (
        review.days != rule["days"]
        or review.undecided != rule.get("undecided", "credited")
        or review.due_at != review.opened_at + timedelta(days=rule["decide_within_days"])
        or review.ends_at != review.opened_at + timedelta(days=ends)
        or not _abnormal(document, review.charge_minor, review.before_minor)
    ):
        yield f"{review.name} is not as {review.policy} says"
    if review.given_minor != review.credited_minor:
        yield f"{review.name} gave back {review.credited_minor}, {review.given_minor} were credited"
    if review.outcome in ("confirmed", "corrected", "waived") and not review.by_operation:
        yield f"{review.name} was {review.outcome} by no operation"
    most_minor = review.charge_minor - max(review.before_minor, 0) // review.days
    if not 0 <= review.credited_minor <= most_minor:
        yield f"{review.name} gave back {review.credited_minor} of {most_minor}"


def _of_its_charge(review: _Review, days: list[tuple[date, datetime, int]]) -> Iterator[str]:
    since = review.day - timedelta(days=review.days)
    charged = sum(minor for day, at, minor in days if day == review.day and at == review.opened_at)
    before = sum(minor for day, at, minor in days if since <= day < review.day and at <= review.opened_at)
    if (charged, before) != (review.charge_minor, review.before_minor):
        yield (
            f"{review.name} is of {review.charge_minor} after {review.before_minor}, the entries come to {charged} after "
            f"{before}"
        )


def _unreviewed(
    connection: Connection,
    agreement_id: int,
    days: list[tuple[date, datetime, int]],
    reviews: list[_Review],
    rules: Mapping[str, JsonMapping],
    zone: str,
) -> Iterator[str]:
    least_minor = min(_above_minor(document) for document in rules.values())
    first = days[0][0]
    for day, posted_at, minor in days:
        if minor <= least_minor or any(
            review.day == day
            or review.opened_at
            <= posted_at
            < (review.ended_at or datetime.max.replace(tzinfo=posted_at.tzinfo))
            for review in reviews
        ):
            continue
        governing = governing_text(connection, agreement_id, posted_at, zone)
        document = rules.get(governing[0]) if governing else None
        if document is None:
            continue
        since = day - timedelta(days=document["reviews"]["days"])
        before_minor = sum(amount for on, at, amount in days if since <= on < day and at <= posted_at)
        if first <= since and _abnormal(document, minor, before_minor):
            yield f"agreement {agreement_id} was charged {minor} on {day}, after {before_minor}, and no review was opened"


def _above_minor(document: JsonMapping) -> int:
    return int(Decimal(str(document["reviews"]["above"])) * 10 ** int(document.get("decimals", 2)))


def _abnormal(document: JsonMapping, charge_minor: int, before_minor: int) -> bool:
    rule = document["reviews"]
    mean_times = Decimal(str(rule["times"])) * before_minor
    return charge_minor > _above_minor(document) and charge_minor * rule["days"] > mean_times
