"""Instalments of old dues: each is posted once the day on which it is due is closed, and the last ends its plan.

A plan has one for each due day without a hole, so how many were posted says which is due next, and days that were
missed are made up for one by one. Each step is one transaction with the plan's lock. When nothing is owed any more the
plan is ended, by an operation of the registry, and the consumer is told: what is owed again after that is no plan's.
"""

from datetime import date, datetime
from typing import Final, NamedTuple

import structlog
from django.db import connection, transaction

from urja.apps.ledger import arrears, usage
from urja.apps.ledger import operations as ledger
from urja.apps.notices.operations import request_notice
from urja.apps.registry.operations import RecordDuesPaid, perform
from urja.core.arrears import due_day
from urja.core.calendar import ONE_DAY, midnight

log = structlog.get_logger()

ACTOR: Final = "post"
AT_ONCE: Final = 500

_NEXT: Final = """
SELECT p.id, p.account_id, p.every, p.amount_minor, p.valid_to, posted.first, posted.number, c.closed_through
FROM registry_instalment_plan p
JOIN registry_agreement g ON g.account_id = p.account_id
JOIN ledger_close c ON c.agreement_id = g.id
CROSS JOIN LATERAL (
    SELECT (p.valid_from AT TIME ZONE %(zone)s)::date AS first, count(*)::int AS number
    FROM ledger_instalment i WHERE i.plan_id = p.id
) posted
CROSS JOIN LATERAL (
    -- As `core.arrears.due_day` has it.
    SELECT (posted.first + posted.number * CASE p.every WHEN 'day' THEN interval '1 day' ELSE interval '1 month' END)::date
        AS due_on
) next
WHERE next.due_on <= c.closed_through
    AND (p.valid_to IS NULL OR next.due_on::timestamp AT TIME ZONE %(zone)s < p.valid_to)
"""


class _Due(NamedTuple):
    """A plan of which an instalment is due."""

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
        while (day := due_day(self.every, self.first, number)) <= self.closed_through and (
            self.valid_to is None or midnight(day, usage.zone()) < self.valid_to
        ):
            found.append(day)
            number += 1
        return found


def post_due(now: datetime) -> int:
    """Post every instalment that is due by a closed day; how many. A second run at the same time posts none."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_NEXT} ORDER BY p.id LIMIT %(limit)s", {"zone": usage.zone().key, "limit": AT_ONCE})
        due = [_Due(*row) for row in cursor.fetchall()]
    return sum(_post(one.id, now) for one in due)


def _post(plan_id: int, now: datetime) -> int:
    """Look once more under the plan's lock, then post; where nothing is owed any more the plan ends."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM registry_instalment_plan WHERE id = %s FOR NO KEY UPDATE", [plan_id])
        cursor.execute(f"{_NEXT} AND p.id = %(plan)s", {"zone": usage.zone().key, "plan": plan_id})
        row = cursor.fetchone()
        if row is None:
            return 0
        due = _Due(*row)
        plan = arrears.Plan(due.id, due.account_id, due.every, due.amount_minor)
        days = due.days()
        posted = ledger.post_instalments(plan, days, now)
        if not arrears.left([due.account_id]):
            _end(due, posted[-1] + ONE_DAY if posted else days[0], now)
            if posted:
                request_notice(due.account_id, "dues", {}, f"dues:{plan_id}", now)
    log.info("instalments posted", plan=plan_id, posted=len(posted), first=str(days[0]))
    return len(posted)


def _end(due: _Due, from_on: date, now: datetime) -> None:
    if due.valid_to is None or due.valid_to > midnight(from_on, usage.zone()):
        perform(RecordDuesPaid(plan_id=due.id, from_on=from_on), recorded_at=now, actor=ACTOR)
