"""Reviews of abnormal charges: those that run, and how others have ended."""

from datetime import datetime
from typing import Final

from django.db import connection

from urja.apps.billing.kinds import ReviewRow

_REVIEWS: Final = """
SELECT r.id, r.account_id, r.agreement_id, r.day, r.charge_minor, r.before_minor, r.days, a.currency, r.policy, r.opened_at,
    r.due_at, r.ends_at, r.ended_at, r.outcome, r.note, r.credited_minor, r.undecided
FROM billing.review r JOIN books.account a ON a.id = r.account_id
"""


def running_reviews() -> list[ReviewRow]:
    """Return the reviews that wait for a decision, the first to be due at the front."""
    return _review_rows("WHERE r.ended_at IS NULL ORDER BY r.due_at, r.id", [])


def ended_reviews(limit: int) -> list[ReviewRow]:
    """Return the last reviews that have ended, the newest first."""
    return _review_rows("WHERE r.ended_at IS NOT NULL ORDER BY r.ended_at DESC, r.id DESC LIMIT %s", [limit])


def newest_review(account_id: int) -> ReviewRow | None:
    """Return the newest review of an account; None where there is none."""
    return next(
        iter(_review_rows("WHERE r.account_id = %s ORDER BY r.opened_at DESC LIMIT 1", [account_id])), None
    )


def overdue_reviews(now: datetime) -> int:
    """Return how many reviews are running that were to be decided by now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM billing_review WHERE ended_at IS NULL AND due_at <= %s", [now])
        (count,) = cursor.fetchone()
    return int(count)


def _review_rows(where: str, values: list[int]) -> list[ReviewRow]:
    with connection.cursor() as cursor:
        cursor.execute(_REVIEWS + where, values)
        return [ReviewRow(*row) for row in cursor.fetchall()]
