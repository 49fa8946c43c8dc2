"""What a step of the pipeline fails for: noted with the error, tried again after a growing time, removed by a success."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.journal.queries import Failure, Subject

FIRST_INTERVAL: Final = timedelta(minutes=1)
LAST_INTERVAL: Final = timedelta(hours=6)
"""Time after the first failure, and the longest one: it doubles in between."""


def record(
    stage: str, step: str, subject: Subject, error: str, at: datetime, *, restarts: bool = False
) -> Failure:
    """Record that a step has failed for a subject at an instant (UTC); where it `restarts`, with the first interval."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO journal_failure AS f (stage, step, subject, subject_id, error, tries, first_at, last_at, again_at) "
            "VALUES (%(stage)s, %(step)s, %(subject)s, %(id)s, %(error)s, 1, %(at)s, %(at)s, %(at)s + make_interval(secs => %(first_s)s)) "
            "ON CONFLICT (stage, step, subject, subject_id) DO UPDATE SET error = excluded.error, tries = f.tries + 1, "
            "last_at = excluded.last_at, "
            "again_at = CASE WHEN %(restarts)s THEN excluded.again_at "
            "ELSE excluded.last_at + least(make_interval(secs => %(last_s)s), 2 * (f.again_at - f.last_at)) END "
            "RETURNING tries, first_at, again_at",
            {
                "stage": stage,
                "step": step,
                "subject": subject[0],
                "id": subject[1],
                "error": error,
                "at": at,
                "restarts": restarts,
                "first_s": FIRST_INTERVAL.total_seconds(),
                "last_s": LAST_INTERVAL.total_seconds(),
            },
        )
        tries, first_at, again_at = cursor.fetchone()
    return Failure(stage, step, *subject, error, tries, first_at, again_at)


def remove(stage: str, step: str, subjects: Iterable[Subject], due_at: datetime | None = None) -> None:
    """Remove failures of a step that has succeeded for these subjects, or has nothing to do for them any more.

    With `due_at` those alone that are to be tried again by then.
    """
    with connection.cursor() as cursor:
        cursor.executemany(
            "DELETE FROM journal_failure WHERE stage = %s AND step = %s AND subject = %s AND subject_id = %s "
            "AND again_at <= coalesce(%s::timestamptz, 'infinity')",
            [(stage, step, *subject, due_at) for subject in subjects],
        )
