"""Instalments of old dues: each is posted once the day on which it is due is closed, and the last one ends its plan.

A plan has one instalment for each due day without a gap, so the number posted says which is due next, and missed days
are caught up one by one. The instalments of a bucket are one transaction with the plans' locks. When nothing is owed
any more, the plan is ended by an operation of the registry and the consumer is notified: later dues belong to no
plan.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple

import structlog
from django.db import connection, transaction

from urja.apps.billing import arrears, plans, posting as billing
from urja.apps.local_zone import local_zone
from urja.apps.notices.operations import request_notice
from urja.base.ids import bucket_of
from urja.core.arrears import instalment_due_on
from urja.core.calendar import ONE_DAY, midnight
from urja.pipeline.savepoints import Savepoints
from urja.usecases.operations import RecordDuesPaid, perform

log = structlog.get_logger()

ACTOR: Final = "post"
AT_ONCE: Final = 5000

_NEXT: Final = """
SELECT p.id, p.account_id, p.every, p.amount_minor, p.valid_to, posted.first, posted.number, c.closed_through
FROM billing.instalment_plan p
JOIN contracts.agreement g ON g.account_id = p.account_id
JOIN billing.close c ON c.agreement_id = g.id
CROSS JOIN LATERAL (
    SELECT (p.valid_from AT TIME ZONE %(zone)s)::date AS first, count(*)::int AS number
    FROM billing.instalment i WHERE i.plan_id = p.id
) posted
CROSS JOIN LATERAL (
    -- As `core.arrears.instalment_due_on` has it.
    SELECT (posted.first + posted.number * CASE p.every WHEN 'day' THEN interval '1 day' ELSE interval '1 month' END)::date
        AS due_on
) next
WHERE next.due_on <= c.closed_through
    AND (p.valid_to IS NULL OR next.due_on::timestamp AT TIME ZONE %(zone)s < p.valid_to)
"""


class _Due(NamedTuple):
    """A plan with an instalment that is due."""

    id: int
    account_id: int
    every: str
    amount_minor: int
    valid_to: datetime | None
    first: date
    number: int
    """How many were posted."""
    closed_through: date

    def days(self) -> list[date]:
        """The due days that are closed and not posted."""
        found, number = [], self.number
        while (day := instalment_due_on(self.every, self.first, number)) <= self.closed_through and (
            self.valid_to is None or midnight(day, local_zone()) < self.valid_to
        ):
            found.append(day)
            number += 1
        return found


def post_due(now: datetime) -> int:
    """Post every instalment that is due by a closed day; return how many. A second run at the same time posts none."""
    apart = Savepoints.of("post", "instalments", now)
    due = sorted(
        _due(
            "AND p.account_id <> ALL(%(waiting)s::bigint[]) ORDER BY p.id LIMIT %(limit)s",
            waiting=apart.waiting(),
            limit=AT_ONCE,
        )
    )
    posted = sum(
        count
        for bucket, of_bucket in groupby(due, key=lambda one: bucket_of(one.id))
        for count in apart.run(
            list(of_bucket),
            lambda one: ("account", one.account_id),
            partial(_post, bucket, now),
        )
    )
    if len(due) < AT_ONCE:
        apart.remove_idle()
    return posted


def _due(which: str, **parameters: Any) -> list[_Due]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_NEXT} {which}", {"zone": local_zone().key, **parameters})
        return [_Due(*row) for row in cursor.fetchall()]


def _post(bucket: int, now: datetime, found: Sequence[_Due]) -> int:
    """Read the plans again under their locks, then post; end a plan where nothing is owed any more."""
    plan_ids = [one.id for one in found]
    with transaction.atomic():
        plans.lock_plans(plan_ids)
        # Read again under the locks: another run may have posted, or the plan may have ended.
        due = _due("AND p.id = ANY(%(plans)s) ORDER BY p.id", plans=plan_ids)
        due_days = [
            (arrears.Plan(one.id, one.account_id, one.every, one.amount_minor), one.days()) for one in due
        ]
        posted = billing.post_instalments(bucket, due_days, now)
        left = arrears.dues_of(one.account_id for one in due)
        for one, days in zip(due, posted, strict=True):
            if one.account_id not in left:
                _end(one, days, now)
    count = sum(map(len, posted))
    log.info("instalments posted", bucket=bucket, plans=len(due), posted=count)
    return count


def _end(due: _Due, posted: Sequence[date], now: datetime) -> None:
    """End a plan after its last instalment, or before the first due one where none was posted."""
    from_on = posted[-1] + ONE_DAY if posted else due.days()[0]
    if due.valid_to is None or due.valid_to > midnight(from_on, local_zone()):
        perform(RecordDuesPaid(plan_id=due.id, from_on=from_on), recorded_at=now, actor=ACTOR)
    if posted:
        request_notice(due.account_id, "dues", {}, f"dues:{due.id}", now)
